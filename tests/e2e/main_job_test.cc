// The main job of Hearth, as a user does it: run a command, see it live, get its code.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "tests/harness/cluster.h"
#include "tests/harness/processes.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::contents;
using harness::each_process;
using harness::Exit;
using harness::number;
using harness::Program;
using harness::text;

namespace {

class MainJobTest : public ClusterTest {
 protected:
  Exit run(std::vector<std::string> flags, std::vector<std::string> command,
           Program::Options options = {}) {
    flags.insert(flags.begin(), "run");
    flags.emplace_back("--");
    flags.insert(flags.end(), command.begin(), command.end());
    return hearth(std::move(flags), std::move(options));
  }
};

TEST_F(MainJobTest, OutputGoesWhereItCameFromAndTheCodeIsTheJobs) {
  start_up();
  const Exit exit = run({}, {"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(exit.code, 3);
  EXPECT_EQ(exit.out, "out\n");
  EXPECT_NE(exit.err.find("err\n"), std::string::npos);
  EXPECT_NE(exit.err.find("FAILED exit_nonzero, exit code 3"), std::string::npos) << exit.err;
}

TEST_F(MainJobTest, OutputIsSeenWhileTheJobRuns) {
  start_up();
  // The job ends only after its first line was seen here.
  const std::string gate = scratch("gate");
  auto follower =
      start({"run", "--", "sh", "-c",
             "echo first; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo last"});
  EXPECT_EQ(follower->wait_for_line("first"), "first");
  EXPECT_TRUE(follower->running());
  std::ofstream(gate) << "open";
  const Exit exit = follower->wait();
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_EQ(exit.out, "first\nlast\n");
}

TEST_F(MainJobTest, EveryExitCodeOfTheTable) {
  start_up();
  EXPECT_EQ(run({}, {"true"}).code, 0);
  EXPECT_EQ(run({}, {"sh", "-c", "kill -SEGV $$"}).code, 128 + SIGSEGV);
  EXPECT_EQ(run({}, {"no-such-command-here"}).code, 127);
  std::ofstream(scratch("plain")) << "not a program";
  EXPECT_EQ(run({}, {scratch("plain")}).code, 126);
  EXPECT_EQ(run({"--timeout", "300ms", "--grace", "100ms"}, {"sleep", "60"}).code, 124);
  const Exit missing = run({"--cwd", scratch("nowhere")}, {"true"});
  EXPECT_EQ(missing.code, 125);
  EXPECT_NE(missing.err.find("nowhere"), std::string::npos) << missing.err;
  EXPECT_EQ(hearth({"run", "--cpu", "none", "--", "true"}).code, 2);
  EXPECT_EQ(hearth({"run"}).code, 2);
  const Exit away = hearth({"run", "--url", "http://127.0.0.1:1", "--", "true"});
  EXPECT_EQ(away.code, 125);
  EXPECT_NE(away.err.find("hearth up"), std::string::npos) << away.err;
}

TEST_F(MainJobTest, CtrlCCancelsOnceAndLeavesTwice) {
  start_up();
  auto once = start({"run", "--", "sh", "-c", "echo started; exec sleep 60"});
  once->wait_for_line("started");
  once->signal(SIGINT);
  const Exit cancelled = once->wait();
  EXPECT_EQ(cancelled.code, 130);
  EXPECT_NE(cancelled.err.find("CANCELLED"), std::string::npos) << cancelled.err;

  auto twice = start({"run", "--grace", "30s", "--", "sh", "-c",
                      "trap '' TERM; echo started; while :; do sleep 1; done"});
  twice->wait_for_line("started");
  twice->signal(SIGINT);
  twice->wait_for_text("cancelling job");
  twice->signal(SIGINT);
  const Exit left = twice->wait();
  EXPECT_EQ(left.code, 130);
  EXPECT_NE(left.err.find("hearth logs -f"), std::string::npos) << left.err;
}

TEST_F(MainJobTest, InputEnvironmentAndDirectoryAreThoseAskedFor) {
  start_up();
  const Exit exit = run({"--stdin", "-", "--env", "GREETING=hello world", "--cwd", scratch("")},
                        {"sh", "-c", "cat; echo $GREETING; pwd; env | grep -c HEARTH_URL"},
                        {.stdin_bytes = std::string("in\0put\n", 7)});
  EXPECT_EQ(exit.out, std::string("in\0put\n", 7) + "hello world\n" +
                          std::filesystem::canonical(scratch("")).string() + "\n0\n");
}

TEST_F(MainJobTest, BothStreamsAreByteExactBeyondWhatIsStoredInline) {
  start_up();
  const Exit exit =
      run({}, {"sh", "-c",
               "i=0; while [ $i -lt 3000 ]; do printf 'line %s \\000\\377 of stdout\\n' $i;"
               " i=$((i+1)); done; printf '\\001' >&2"});
  EXPECT_EQ(exit.code, 0) << exit.err;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    expected += "line " + std::to_string(i) + " ";
    expected += '\0';
    expected += "\377 of stdout\n";
  }
  EXPECT_EQ(exit.out.size(), expected.size());
  EXPECT_TRUE(exit.out == expected);
  EXPECT_NE(exit.err.find('\001'), std::string::npos);
}

TEST_F(MainJobTest, OutputPastItsBoundKeepsHeadAndTailAndSaysSo) {
  start_up();
  const std::string id =
      submit({{"command", {"sh", "-c", "head -c 73400320 /dev/zero | tr '\\0' x; echo end"}},
              {"requiredRamMb", 64}});
  const auto job = wait_ended(id, std::chrono::seconds(120));
  EXPECT_EQ(text(job, "state"), "COMPLETED") << json::serialize(job);
  const auto attempt = job.at("attempts").as_array().back().as_object();
  EXPECT_EQ(number(attempt, "stdoutBytes"), 73400324);
  EXPECT_TRUE(attempt.at("truncated").as_bool());
  const Answer tail = get("/v1/jobs/" + id + "/output?stream=stdout&offset=73400300");
  EXPECT_EQ(tail.raw, std::string(20, 'x') + "end\n");
  const Answer gap = get("/v1/jobs/" + id + "/output?stream=stdout&offset=36000000");
  EXPECT_GT(std::stoll(gap.headers.at("hearth-offset")), 36000000);
}

TEST_F(MainJobTest, AJobPastItsMemoryLimitIsOomAndExits137) {
  start_up();
  const Answer agents = get("/v1/agents");
  const auto agent = agents.body.as_object().at("agents").as_array().at(0).as_object();
  if (text(agent, "enforcement") == "none") {
    GTEST_SKIP() << "this host enforces no memory limits; tests/vm runs it on cgroup v2";
  }
  const Exit exit =
      run({"--memory", "32"},
          {"sh", "-c", "exec python3 -c 'x = bytearray(512 << 20)' || exec tail /dev/zero"});
  EXPECT_EQ(exit.code, 137) << exit.err;
  EXPECT_NE(exit.err.find("FAILED oom"), std::string::npos) << exit.err;
}

TEST_F(MainJobTest, NothingOfAJobIsLeftBehind) {
  start_up();
  const std::string id =
      submit({{"command",
               {"sh", "-c",
                "(setsid sh -c 'trap \"\" TERM HUP; exec sleep 7654321' &) ; touch $TMPDIR/left; "
                "echo $TMPDIR"}}});
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  std::string directory = output(id);
  directory.erase(directory.find_last_not_of('\n') + 1);
  EXPECT_FALSE(directory.empty());
  EXPECT_FALSE(std::filesystem::exists(directory));
  each_process([](pid_t pid, const std::filesystem::path& path) {
    const std::string line = contents(path / "cmdline");
    EXPECT_EQ(line.find("7654321"),
              line.find("sh -c") == std::string::npos ? std::string::npos : line.find("7654321"))
        << pid;
  });
}

TEST_F(MainJobTest, FollowingSurvivesARestartOfTheController) {
  start_controller();
  start_agent("a");
  const std::string gate = scratch("gate");
  auto follower =
      start({"run", "--", "sh", "-c",
             "echo first; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo last"});
  follower->wait_for_line("first");
  // The agent and its job go on while the controller is away.
  restart_controller();
  std::ofstream(gate) << "open";
  const Exit exit = follower->wait();
  EXPECT_EQ(exit.code, 0) << exit.err;
  EXPECT_EQ(exit.out, "first\nlast\n");
}

}  // namespace
}  // namespace hearth::e2e
