// Hostile jobs beside what kills: a cancel in each state, the death of the agent, of the launcher
// and of both. None outlives its attempt, and nothing of a sandbox is left.
#include <signal.h>

#include "tests/attack/attack_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;
using harness::Watched;

namespace {

class DeathsTest : public AttackTest {
 protected:
  // Ignores all signals, beside daemons that fork for ever and others that are stopped.
  std::string start_stubborn() {
    const std::string program = tool({})[0];
    const std::string script = program + " do restless-daemons 2; " + program +
                               " do reaper; exec " + program + " do ignore-term";
    const std::string id = submit(job_of(
        {"sh", "-c", script}, {{"maxLost", 0}, {"timeoutMs", 120'000}, {"requiredRamMb", 256}}));
    wait_until([&] { return output(id).ends_with("ready\n"); }, "the job to be stubborn");
    return id;
  }

  std::vector<Watched> watch_jobs() const {
    std::vector<Watched> watched;
    for (const pid_t pid : pen().processes()) {
      const std::string command = harness::contents("/proc/" + std::to_string(pid) + "/cmdline");
      if (command.find("ignore-term") != std::string::npos) {
        watched.push_back(harness::watch(pid));
      }
    }
    EXPECT_FALSE(watched.empty());
    return watched;
  }

  static void expect_ended(const std::vector<Watched>& processes) {
    for (const Watched& process : processes) {
      EXPECT_TRUE(harness::ends(process)) << "process " << process.pid << " lives";
    }
  }

  // Of all that is in the pen, only the test itself and these are left.
  void wait_for_only(const std::set<pid_t>& pids) {
    wait_until(
        [&] {
          for (const pid_t pid : pen().processes()) {
            const char state = harness::state_of(pid);
            if (pid != ::getpid() && !pids.contains(pid) && state != 'Z' && state != '\0') {
              return false;
            }
          }
          return true;
        },
        "all others in the pen to be gone");
  }
};

TEST_F(DeathsTest, CancelInEachState) {
  start_hearth();
  const std::string running = start_stubborn();
  // More than the agent has: they wait.
  std::vector<std::string> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(submit(job_of(tool({"do", "ignore-term"}), {{"requiredCpu", 8}})));
  }
  for (const std::string& id : waiting) {
    EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status / 100, 2);
    EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  }
  // While it starts: each is cancelled somewhere between its being accepted and its being there.
  for (int i = 0; i < 20; ++i) {
    const std::string id = submit(job_of(tool({"do", "fork-storm"})));
    wait_until([&] { return text(job(id), "state") != "QUEUED" || i % 2 == 0; }, "it to go on");
    EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status / 100, 2);
    EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  }
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(post("/v1/jobs/" + running + "/cancel", "{}").status / 100, 2);
  }
  EXPECT_EQ(text(wait_ended(running), "state"), "CANCELLED");
  EXPECT_EQ(text(job(running), "reason"), "cancel_requested");
  expect_as_before();
}

TEST_F(DeathsTest, OfTheLauncher) {
  start_hearth();
  const std::string id = start_stubborn();
  const std::vector<Watched> processes = watch_jobs();
  const auto launchers = harness::launchers_of(hearth_program().pid());
  ASSERT_EQ(launchers.size(), 1U);
  ::kill(launchers.front(), SIGKILL);
  expect_ended(processes);
  EXPECT_EQ(text(wait_ended(id), "reason"), "launcher_lost");
  expect_hello();
  const auto next = harness::launchers_of(hearth_program().pid());
  ASSERT_EQ(next.size(), 1U);
  wait_for_only({hearth_program().pid(), next.front()});
}

TEST_F(DeathsTest, OfTheAgent) {
  start_controller();
  const std::vector<std::string> flags = {"--cpu",           "4",          "--memory",     "512",
                                          "--sandbox-paths", Pen::shown(), "--warm-slots", "0"};
  harness::Program& agent = start_agent("a", flags);
  const std::string id = start_stubborn();
  const std::vector<Watched> processes = watch_jobs();
  kill_now(agent);
  expect_ended(processes);
  forget(agent);
  harness::Program& next = start_agent("a", flags);
  EXPECT_EQ(text(wait_ended(id), "reason"), "agent_restarted");
  expect_hello();
  forget(next);
  wait_until([&] { return pen().processes().size() == 2; },
             "all but the test and the controller to be gone");
}

// Neither kills anything: the kernel ends each sandbox with the launcher that made it.
TEST_F(DeathsTest, OfBoth) {
  start_hearth();
  start_stubborn();
  const std::vector<Watched> processes = watch_jobs();
  const auto launchers = harness::launchers_of(hearth_program().pid());
  ASSERT_EQ(launchers.size(), 1U);
  hearth_program().signal(SIGSTOP);
  ::kill(launchers.front(), SIGSTOP);
  ::kill(launchers.front(), SIGKILL);
  kill_now(hearth_program());
  expect_ended(processes);
  wait_for_only({});
}

}  // namespace
}  // namespace hearth::attack
