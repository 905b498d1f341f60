#include "agent/runtimes/command_runtime.h"

#include <fcntl.h>

#include <fstream>

#include "agent/runtimes/attempt_plan.h"
#include "agent/runtimes/testing/runtime_fixture.h"

namespace hearth::agent {
namespace {

class CommandRuntimeTest : public RuntimeFixture {
  [[nodiscard]] std::string launcher_program() const override { return HEARTH_LAUNCHER_PROGRAM; }
};

INSTANTIATE_TEST_SUITE_P(Drivers, CommandRuntimeTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) { return std::string(to_string(driver.param)); });

TEST_P(CommandRuntimeTest, TellsExitCodesAndSignals) {
  const Seen code = run(script("exit 7"));
  EXPECT_TRUE(code.spawned);
  EXPECT_EQ(code.ended->exit_code, 7);
  EXPECT_EQ(code.ended->signal, std::nullopt);
  EXPECT_FALSE(code.ended->oom_killed);
  const Seen killed = run(script("kill -SEGV $$"));
  EXPECT_EQ(killed.ended->exit_code, std::nullopt);
  EXPECT_EQ(killed.ended->signal, SIGSEGV);
  EXPECT_EQ(runtime_->running(), 0U);
}

TEST_P(CommandRuntimeTest, TellsWhyNothingWasStarted) {
  JobSpec missing;
  missing.execution.command = {"no-such-command"};
  EXPECT_EQ(run(missing).failed->reason, Reason::CommandNotFound);
  JobSpec refused;
  refused.execution.command = {"/etc/passwd"};
  EXPECT_EQ(run(refused).failed->reason, Reason::NotExecutable);
  JobSpec elsewhere = script("true");
  elsewhere.execution.cwd = "/no/such/directory";
  EXPECT_EQ(run(elsewhere).failed->reason, Reason::CwdMissing);
  JobSpec broken = script(std::string("a\0b", 3));
  EXPECT_EQ(run(broken).failed->reason, Reason::SpawnFailed);
  EXPECT_TRUE(only_untouched_folders());
  EXPECT_EQ(groups_->sweep().value_or(-1), 0) << "no group is left either";
}

TEST_P(CommandRuntimeTest, BothStreamsArriveByteExact) {
  JobSpec spec = script("cat; printf 'e\\000r\\377r' >&2");
  spec.execution.stdin_bytes = std::string("in\0\xff\xfe\x80 put\n", 11);
  const Seen seen = run(spec);
  EXPECT_EQ(seen.out, spec.execution.stdin_bytes);
  EXPECT_EQ(seen.err, std::string("e\0r\xffr", 5));
  EXPECT_EQ(seen.ended->stdout_bytes, 11);
  EXPECT_EQ(seen.ended->stderr_bytes, 5);
}

TEST_P(CommandRuntimeTest, TenMegabytesArriveWholeAndInOrder) {
  const Seen seen =
      run(script("i=0; while [ $i -lt 160 ]; do printf '%065535d\\n' $i; i=$((i+1)); done"));
  ASSERT_EQ(seen.out.size(), 160U * 65'536U);
  for (std::size_t line = 0; line < 160; ++line) {
    const std::string number = seen.out.substr(line * 65'536 + 65'530, 5);
    EXPECT_EQ(std::stoul(number), line);
  }
}

TEST_P(CommandRuntimeTest, OutputIsSeenWhileTheJobRuns) {
  const AttemptKey key = start(script("mkfifo fifo; echo first; read line < fifo; echo second"));
  loop_until([&] { return at(key).spawned && !at(key).out.empty(); });
  EXPECT_EQ(at(key).out, "first\n");
  EXPECT_FALSE(at(key).ended) << "it waits for a line from us";
  std::ofstream(folder_ + "/slot-1" + "/fifo") << "go on\n";
  EXPECT_EQ(finish(key).out, "first\nsecond\n");
}

TEST_P(CommandRuntimeTest, TheEnvironmentAndTheFolderAreItsOwn) {
  JobSpec spec = script(
      "env | grep -v '^\\(PWD\\|_\\|SHLVL\\|OLDPWD\\|HEARTH_GROUP\\)=' | sort; pwd; "
      "touch \"$TMPDIR/x\" y; read line || echo no input");
  spec.execution.env = {{"GREETING", "hello"}};
  const AttemptKey key = start(spec);
  const Seen seen = finish(key);
  const std::string own = folder_ + "/slot-1";
  EXPECT_EQ(seen.out, "GREETING=hello\nHEARTH_ATTEMPT=1\nHEARTH_JOB_ID=" + to_string(key.job) +
                          "\nHOME=" + own +
                          "\nLANG=C.UTF-8\nPATH=" + CommandRuntime::Options{}.path +
                          "\nTMPDIR=" + own + "/.tmp\n" + own + "\nno input\n");
  EXPECT_FALSE(std::filesystem::exists(own)) << "its files go with it";
}

TEST_P(CommandRuntimeTest, WhatItLeavesBehindIsRemovedHoweverDeep) {
  const std::string outside = folder_ + "/outside";
  std::ofstream(outside) << "mine";
  const AttemptKey key = start(
      script("i=0; while [ $i -lt 50 ]; do mkdir d; cd d; i=$((i+1)); done; echo > file; ln -s " +
             folder_ + " link; chmod 0 ."));
  EXPECT_EQ(finish(key).ended->exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/slot-1"));
  EXPECT_TRUE(std::filesystem::exists(outside)) << "links are not followed";
}

TEST_P(CommandRuntimeTest, RunsAsAnotherUserInAFolderOfTheirs) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "NOT RUN HERE: changing the user needs root";
  }
  make_runtime({.uid = 65534, .gid = 65534});
  const Seen seen = run(script("id -u; touch here \"$TMPDIR/there\" && echo written"));
  EXPECT_EQ(seen.out, "65534\nwritten\n");
}

TEST_P(CommandRuntimeTest, DetachedProcessesDieWithTheFirst) {
  const Seen seen =
      run(script("setsid sh -c 'trap \"\" TERM HUP INT; echo $$; : > up; exec sleep 1000' & "
                 "while [ ! -e up ]; do sleep 0.01; done; exit 3"));
  EXPECT_EQ(seen.ended->exit_code, 3);
  ASSERT_FALSE(seen.out.empty());
  const auto pid = static_cast<pid_t>(std::stol(seen.out));
  EXPECT_TRUE(ended(pid));
}

TEST_P(CommandRuntimeTest, TerminateReachesTheFirstProcessAndKillAll) {
  const AttemptKey polite =
      start(script("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done"));
  loop_until([&] { return at(polite).spawned && !at(polite).out.empty(); });
  runtime_->terminate(polite);
  EXPECT_EQ(finish(polite).ended->exit_code, 5);
  EXPECT_EQ(at(polite).out, "up\nbye\n");

  const AttemptKey deaf =
      start(script("trap '' TERM INT HUP; echo up; while :; do sleep 0.01; done"));
  loop_until([&] { return at(deaf).spawned && !at(deaf).out.empty(); });
  runtime_->terminate(deaf);
  runtime_->kill(deaf);
  EXPECT_EQ(finish(deaf).ended->signal, SIGKILL);
  EXPECT_FALSE(at(deaf).ended->oom_killed);
}

TEST_P(CommandRuntimeTest, AKillBeforeTheStartIsConfirmedIsNotLost) {
  const AttemptKey key = start(script("sleep 1000"));
  runtime_->kill(key);
  EXPECT_EQ(finish(key).ended->signal, SIGKILL);
}

TEST_P(CommandRuntimeTest, AnOutputHeldOpenFromOutsideIsGivenUp) {
  make_runtime({.output_patience = Duration(50)});
  // The test itself, outside of the group, keeps a write end of the job's pipe open.
  const AttemptKey key = start(script("echo $$; read line < /dev/zero"));
  loop_until([&] { return !at(key).out.empty(); });
  const std::string stream = "/proc/" + std::to_string(std::stol(at(key).out)) + "/fd/1";
  const int held = open(stream.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  runtime_->kill(key);
  EXPECT_EQ(finish(key).ended->signal, SIGKILL);
  close(held);
}

TEST_P(CommandRuntimeTest, CpuTimeWallTimeAndPeakAreReported) {
  const Seen seen = run(script("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"));
  EXPECT_GT(seen.ended->cpu_ms, 5);
  EXPECT_GT(seen.ended->wall_ms, 5);
  EXPECT_GT(seen.ended->memory_peak_bytes, 100'000);
}

TEST_P(CommandRuntimeTest, OutOfMemoryIsToldFromAKill) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  // tail keeps a line without end in memory.
  JobSpec spec = script("exec tail -n 1 /dev/zero");
  spec.scheduling.request.memory_bytes = 24 * limits::kMiB;
  const Seen seen = run(spec);
  EXPECT_EQ(seen.ended->signal, SIGKILL);
  EXPECT_TRUE(seen.ended->oom_killed);
}

TEST_P(CommandRuntimeTest, OutOfMemoryInAChildEndsTheWholeJob) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  JobSpec spec = script("(sleep 0.3; exec tail -n 1 /dev/zero) & sleep 1000");
  spec.scheduling.request.memory_bytes = 24 * limits::kMiB;
  const Seen late = run(spec);
  EXPECT_EQ(late.ended->signal, SIGKILL);
  EXPECT_TRUE(late.ended->oom_killed);
  // Before the group is watched, and survived by the first process.
  spec.execution.command = {"/bin/sh", "-c", "tail -n 1 /dev/zero; exit 0"};
  EXPECT_TRUE(run(spec).ended->oom_killed);
}

TEST_P(CommandRuntimeTest, TheProcessLimitHoldsAndAForkBombIsCleanedUp) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  make_runtime({.pids_max = 16});
  const AttemptKey key = start(script("bomb() { bomb | bomb & }; bomb; echo up; sleep 1000"));
  loop_until([&] { return !at(key).out.empty(); });
  runtime_->kill(key);
  EXPECT_EQ(finish(key).ended->signal, SIGKILL);
}

TEST_P(CommandRuntimeTest, TheLaunchersDeathEndsAllAndTheNextJobRuns) {
  const AttemptKey first =
      start(script("setsid sh -c 'trap \"\" TERM HUP INT; echo $$; exec sleep 1000' & sleep 1000"));
  const AttemptKey second = start(script("echo up; sleep 1000"));
  loop_until([&] { return !at(first).out.empty() && !at(second).out.empty(); });
  const auto detached = static_cast<pid_t>(std::stol(at(first).out));
  ASSERT_EQ(::kill(launcher_->helper_pid(), SIGKILL), 0);
  EXPECT_TRUE(finish(first).ended->launcher_lost);
  EXPECT_TRUE(finish(second).ended->launcher_lost);
  EXPECT_EQ(metrics_.launcher_restarts.load(), 1U);
  EXPECT_TRUE(ended(detached));
  EXPECT_EQ(run(script("echo again")).out, "again\n");
}

TEST_P(CommandRuntimeTest, ManyJobsAtOnceLeakNothing) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  run(script("true"));
  const auto before = open_files();
  const std::size_t fds_watched = loop_->watched_fds();
  constexpr int kCount = 100;
  std::vector<AttemptKey> keys;
  for (int i = 0; i < kCount; ++i) {
    JobSpec spec = script("echo " + std::to_string(i) + "; exit " + std::to_string(i));
    spec.execution.stdin_bytes = "x";
    keys.push_back(start(spec));
  }
  for (int i = 0; i < kCount; ++i) {
    const Seen seen = finish(keys[static_cast<std::size_t>(i)]);
    EXPECT_EQ(seen.ended->exit_code, i);
    EXPECT_EQ(seen.out, std::to_string(i) + "\n");
  }
  EXPECT_EQ(open_files(), before);
  EXPECT_EQ(loop_->watched_fds(), fds_watched);
  EXPECT_TRUE(only_untouched_folders());
  EXPECT_EQ(groups_->sweep().value_or(-1), 0);
}

TEST_P(CommandRuntimeTest, AFloodDoesNotStarveOthers) {
  const AttemptKey flood = start(script("exec yes"));
  loop_until([&] { return !at(flood).out.empty(); });
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(run(script("echo quick")).out, "quick\n");
    at(flood).out.clear();
  }
  EXPECT_FALSE(at(flood).ended);
  runtime_->kill(flood);
  EXPECT_EQ(finish(flood).ended->signal, SIGKILL);
}

// The agent and its launcher are both killed: what they ran is the next agent's to clean up.
TEST_P(CommandRuntimeTest, TheNextAgentSweepsWhatADeadOneLeft) {
  const AttemptKey key =
      start(script("setsid sh -c 'trap \"\" TERM HUP INT; echo $$; exec sleep 1000' & sleep 1000"));
  loop_until([&] { return !at(key).out.empty(); });
  const auto detached = static_cast<pid_t>(std::stol(at(key).out));
  // As after SIGKILL of both: nobody got to do anything. The agent's own end is only its memory.
  ASSERT_EQ(::kill(launcher_->helper_pid(), SIGKILL), 0);
  runtime_.reset();
  launcher_.reset();
  groups_.reset();
  ASSERT_EQ(::kill(detached, 0), 0);

  auto next = make_cgroup_driver(GetParam(), driver_options());
  ASSERT_TRUE(next);
  EXPECT_EQ((*next)->sweep().value_or(-1), 1);
  EXPECT_TRUE(ended(detached));
}

// Somebody takes the processes of a job that will not end by itself out of their group.
TEST_P(CommandRuntimeTest, AJobWhoseGroupWasTakenAwayIsStillKilledWhole) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: there is no group to take away";
  }
  for (const Fate fate : {Fate::Removed, Fate::Emptied}) {
    const AttemptKey key =
        start(script("trap '' TERM; sh -c 'echo $$; exec sleep 1000' & wait; "
                     "wait; while :; do sleep 1000; done"));
    loop_until([&] { return at(key).spawned && !at(key).out.empty(); });
    const auto child = static_cast<pid_t>(std::stol(at(key).out));
    take_out_of(runtime_->whereabouts(key)->folders, fate);
    runtime_->terminate(key);
    runtime_->kill(key);
    EXPECT_EQ(finish(key).ended->signal, SIGKILL);
    EXPECT_TRUE(ended(child));
    EXPECT_EQ(runtime_->running(), 0U);
  }
  EXPECT_EQ(run(script("exit 4")).ended->exit_code, 4) << "others have groups as before";
}

TEST_P(CommandRuntimeTest, AJobWhoseGroupWasTakenAwayEndsAsItEnds) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: there is no group to take away";
  }
  const AttemptKey key =
      start(script("sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 1000' & mkfifo fifo; read go < "
                   "fifo; echo said; exit 3"));
  loop_until([&] { return at(key).spawned && !at(key).out.empty(); });
  const auto child = static_cast<pid_t>(std::stol(at(key).out));
  take_out_of(runtime_->whereabouts(key)->folders, Fate::Removed);
  std::ofstream(folder_ + "/slot-1/fifo") << "go on\n";
  const Seen seen = finish(key);
  EXPECT_EQ(seen.ended->exit_code, 3);
  EXPECT_FALSE(seen.ended->oom_killed);
  EXPECT_EQ(seen.out, std::to_string(child) + "\nsaid\n");
  EXPECT_TRUE(ended(child)) << "what it started goes with it";
}

}  // namespace
}  // namespace hearth::agent
