// Deaths of the programs beside running jobs: whatever is killed, and however a job's processes
// hid, none of them outlives its attempt, and the attempt ends as docs/architecture.md says under
// "Losses".
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/harness/cluster.h"
#include "tests/harness/processes.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::contents;
using harness::each_folder;
using harness::each_process;
using harness::ends;
using harness::launchers_of;
using harness::Program;
using harness::text;
using harness::watch;
using harness::Watched;

namespace {

namespace fs = std::filesystem;

// Writes the pid of each of its processes to the file $1: itself, a child, one in a session of its
// own, and a daemon (forked twice, its parents gone). All ignore what can be ignored. Where the
// file $2 exists it ends at once instead.
constexpr const char* kStubborn = R"(
trap '' TERM INT HUP QUIT
if [ -e "$2" ]; then echo again; exit 0; fi
member='echo $$ >> "$0"; exec sleep 600'
sh -c "$member" "$1" &
setsid sh -c "$member" "$1" &
(setsid sh -c 'setsid sh -c "$1" "$0" & exit 0' "$1" "$member" &)
echo $$ >> "$1"
while :; do sleep 600; done
)";
constexpr std::size_t kStubbornProcesses = 4;

// With the host's cgroups, and without any.
class DeathsTest : public ClusterTest, public ::testing::WithParamInterface<bool> {
 protected:
  struct Stubborn {
    std::string id;
    std::string mark;
    std::vector<Watched> processes;
  };

  [[nodiscard]] static std::vector<std::string> flags() {
    std::vector<std::string> result = {"--cpu", "4", "--memory", "1024"};
    if (!GetParam()) {
      result.insert(result.end(), {"--cgroup", "none"});
    }
    return result;
  }

  // Returns when all its processes run and ignore signals.
  Stubborn start_stubborn(const std::string& name, int max_lost = 5) {
    Stubborn job{.mark = "DEATHS_MARK=" + scratch(name), .processes = {}};
    const std::string pids = scratch(name + ".pids");
    job.id = submit({{"command", {"sh", "-c", kStubborn, "stubborn", pids, gate()}},
                     {"env", {{"DEATHS_MARK", scratch(name)}}},
                     {"requiredCpu", 0.5},
                     {"requiredRamMb", 64},
                     {"maxLost", max_lost}});
    wait_lines(pids, kStubbornProcesses);
    wait_state(job.id, "RUNNING");
    std::ifstream in(pids);
    for (std::string line; std::getline(in, line);) {
      job.processes.push_back(watch(std::stoi(line)));
      const std::string environment = contents("/proc/" + line + "/environ");
      EXPECT_NE(environment.find(job.mark), std::string::npos) << line;
    }
    EXPECT_EQ(job.processes.size(), kStubbornProcesses);
    return job;
  }

  // From now on the stubborn jobs end at once when they are run (again).
  void open_gate() const { std::ofstream(gate()) << "open"; }

  static void expect_all_dead(const Stubborn& job) {
    for (const Watched& process : job.processes) {
      EXPECT_TRUE(ends(process)) << "process " << process.pid << " of job " << job.id << " lives";
    }
    each_process([&](pid_t pid, const fs::path& path) {
      EXPECT_EQ(contents(path / "environ").find(job.mark), std::string::npos)
          << "process " << pid << " of job " << job.id << " lives";
    });
  }

  void expect_ran_again(const Stubborn& job, const std::string& reason) {
    const auto ended = wait_ended(job.id);
    EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
    const auto& attempts = ended.at("attempts").as_array();
    ASSERT_EQ(attempts.size(), 2U) << json::serialize(ended);
    EXPECT_EQ(text(attempts[0].as_object(), "reason"), reason) << json::serialize(ended);
    EXPECT_EQ(output(job.id), "again\n");
  }

  void expect_failed(const Stubborn& job, const std::string& reason) {
    const auto ended = wait_ended(job.id);
    EXPECT_EQ(text(ended, "state"), "FAILED") << json::serialize(ended);
    EXPECT_EQ(text(ended, "reason"), reason) << json::serialize(ended);
    EXPECT_EQ(ended.at("attempts").as_array().size(), 1U) << json::serialize(ended);
  }

  // A job with limits runs, and then no group of the agent with this data directory is left but
  // empty ones that wait for the next job.
  void expect_works_and_is_clean(const std::string& data) {
    const auto last = wait_ended(submit({{"command", {"echo", "fine"}}, {"requiredRamMb", 32}}));
    EXPECT_EQ(text(last, "state"), "COMPLETED") << json::serialize(last);
    std::string instance = contents(scratch(data + "/instance"));
    instance.erase(instance.find_last_not_of('\n') + 1);
    EXPECT_FALSE(instance.empty());
    int folders = 0;
    each_folder("/sys/fs/cgroup", [&](const fs::path& folder) {
      if (folder.parent_path().filename() == "hearth-" + instance) {
        EXPECT_TRUE(folder.filename().string().starts_with("slot-")) << folder << " is left";
        EXPECT_EQ(contents(folder / "cgroup.procs"), "") << folder;
      }
      folders += folder.filename() == "hearth-" + instance ? 1 : 0;
    });
    EXPECT_EQ(folders > 0, enforces()) << "this looked in the wrong place";
  }

  bool enforces() {
    const Answer agents = get("/v1/agents");
    return text(agents.body.as_object().at("agents").as_array().at(0).as_object(), "enforcement") !=
           "none";
  }

  static Watched launcher_of(const Program& agent) {
    const std::vector<pid_t> found = launchers_of(agent.pid());
    EXPECT_EQ(found.size(), 1U) << "launchers of agent " << agent.pid();
    return found.empty() ? Watched{} : watch(found.front());
  }

 private:
  [[nodiscard]] std::string gate() const { return scratch("gate"); }
};

TEST_P(DeathsTest, OfTheLauncherTheAgentKillsItsJobsAndStartsAnother) {
  start_controller();
  Program& agent = start_agent("a", flags());
  const Stubborn first = start_stubborn("first");
  const Stubborn second = start_stubborn("second", 0);
  const Watched launcher = launcher_of(agent);
  open_gate();
  ::kill(launcher.pid, SIGKILL);
  expect_failed(second, "launcher_lost");
  expect_ran_again(first, "launcher_lost");
  expect_all_dead(first);
  expect_all_dead(second);
  EXPECT_TRUE(agent.running());
  EXPECT_NE(launcher_of(agent).pid, launcher.pid);
  expect_works_and_is_clean("agent-a");
}

TEST_P(DeathsTest, OfTheAgentTheLauncherKillsItsJobsAndTheyAreQueuedAtItsReturn) {
  start_controller();
  Program& agent = start_agent("a", flags());
  const Stubborn first = start_stubborn("first");
  const Stubborn second = start_stubborn("second", 0);
  const Watched launcher = launcher_of(agent);
  open_gate();
  kill_now(agent);
  EXPECT_TRUE(ends(launcher));
  expect_all_dead(first);
  expect_all_dead(second);
  EXPECT_EQ(text(job(first.id), "state"), "RUNNING") << "nobody has said yet that it is lost";
  start_agent("a", flags());
  expect_ran_again(first, "agent_restarted");
  expect_failed(second, "agent_restarted");
  expect_works_and_is_clean("agent-a");
}

// Nobody is left to kill anything: the next agent of the same data directory does.
TEST_P(DeathsTest, OfBothTheNextAgentKillsWhatTheyLeft) {
  start_controller();
  Program& agent = start_agent("a", flags());
  const Stubborn first = start_stubborn("first");
  const Stubborn second = start_stubborn("second", 0);
  const Watched launcher = launcher_of(agent);
  open_gate();
  // Stopped, neither sees the other die.
  agent.signal(SIGSTOP);
  ::kill(launcher.pid, SIGSTOP);
  ::kill(launcher.pid, SIGKILL);
  kill_now(agent);
  EXPECT_TRUE(ends(launcher));
  for (const Stubborn* job : {&first, &second}) {
    EXPECT_FALSE(ends(job->processes.back(), Duration::zero())) << "then this tests nothing";
  }
  start_agent("a", flags());
  expect_all_dead(first);
  expect_all_dead(second);
  expect_ran_again(first, "agent_restarted");
  expect_failed(second, "agent_restarted");
  expect_works_and_is_clean("agent-a");
}

TEST_P(DeathsTest, OfHearthUpItsJobsDieAndRunAgainAtTheNextStart) {
  Program& up = start_up(flags());
  const Stubborn first = start_stubborn("first");
  const Stubborn second = start_stubborn("second", 0);
  const Watched launcher = launcher_of(up);
  open_gate();
  kill_now(up);
  EXPECT_TRUE(ends(launcher));
  expect_all_dead(first);
  expect_all_dead(second);
  start_up(flags());
  expect_ran_again(first, "agent_restarted");
  expect_failed(second, "agent_restarted");
  expect_works_and_is_clean("up/agent");
}

INSTANTIATE_TEST_SUITE_P(Groups, DeathsTest, ::testing::Values(true, false),
                         [](const auto& host) { return host.param ? "Cgroups" : "None"; });

}  // namespace
}  // namespace hearth::e2e
