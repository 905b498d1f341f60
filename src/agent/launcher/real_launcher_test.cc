#include "agent/launcher/real_launcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace hearth::agent {
namespace {

constexpr int kPatienceMs = 10'000;

std::string read_to_end(int fd) {
  std::string all;
  std::array<char, 4096> buffer{};
  pollfd waiting{.fd = fd, .events = POLLIN};
  while (poll(&waiting, 1, kPatienceMs) == 1) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) {
      return all;
    }
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ADD_FAILURE() << "the stream never ended; so far: " << all;
  return all;
}

// Waits by a pidfd until a process that is not our child is gone.
bool gone(pid_t pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    return errno == ESRCH;
  }
  pollfd waiting{.fd = fd, .events = POLLIN};
  const bool ended = poll(&waiting, 1, kPatienceMs) == 1;
  close(fd);
  return ended;
}

class RealLauncherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    start(Duration(10'000));
  }
  void TearDown() override {
    launcher_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(Duration exec_deadline) {
    launcher_.reset();
    auto made = RealLauncher::start(
        {.helper_path = HEARTH_LAUNCHER_PROGRAM, .exec_deadline = exec_deadline});
    ASSERT_TRUE(made) << made.error().message;
    launcher_ = std::move(*made);
    launcher_->set_events({
        .on_spawned = [this](const SpawnOutcome& outcome) { spawned_[outcome.id] = outcome; },
        .on_exited =
            [this](const ExitOutcome& outcome) {
              EXPECT_TRUE(spawned_.contains(outcome.id)) << "spawned comes before exited";
              exited_[outcome.id] = outcome;
            },
        .on_lost = [this](const std::string& why) { lost_ = why; },
    });
  }

  void wait_until(const std::function<bool()>& done) {
    while (!done()) {
      pollfd waiting{.fd = launcher_->fd(), .events = POLLIN};
      ASSERT_EQ(poll(&waiting, 1, kPatienceMs), 1) << "nothing more came";
      launcher_->process_events();
    }
  }
  SpawnOutcome spawn_outcome(SpawnId id) {
    wait_until([&] { return spawned_.contains(id); });
    return spawned_[id];
  }
  ExitOutcome exit_outcome(SpawnId id) {
    wait_until([&] { return exited_.contains(id); });
    return exited_[id];
  }

  SpawnRequest request(std::vector<std::string> command) {
    return SpawnRequest{.id = ++last_id_,
                        .command = std::move(command),
                        .env = {"PATH=/usr/bin:/bin"},
                        .cwd = folder_};
  }
  // Runs to its end and returns what it wrote to its standard output.
  std::string output_of(SpawnRequest wanted) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    wanted.stdout_fd = ends[1];
    EXPECT_TRUE(launcher_->spawn(wanted));
    close(ends[1]);
    const std::string all = read_to_end(ends[0]);
    close(ends[0]);
    exit_outcome(wanted.id);
    return all;
  }
  std::string shell(const std::string& script) {
    return output_of(request({"/bin/sh", "-c", script}));
  }
  std::string make_file(const std::string& name, const std::string& text, mode_t mode) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  SpawnOutcome failure_of(SpawnRequest wanted) {
    EXPECT_TRUE(launcher_->spawn(wanted));
    const SpawnOutcome outcome = spawn_outcome(wanted.id);
    EXPECT_EQ(outcome.pid, 0);
    return outcome;
  }

  std::string folder_;
  std::unique_ptr<RealLauncher> launcher_;
  SpawnId last_id_ = 0;
  std::map<SpawnId, SpawnOutcome> spawned_;
  std::map<SpawnId, ExitOutcome> exited_;
  std::string lost_;
};

TEST_F(RealLauncherTest, ReportsExitCodesAndSignals) {
  const SpawnRequest exits = request({"sh", "-c", "exit 7"});
  const SpawnRequest dies = request({"sh", "-c", "kill -KILL $$"});
  ASSERT_TRUE(launcher_->spawn(exits));
  ASSERT_TRUE(launcher_->spawn(dies));
  EXPECT_EQ(exit_outcome(exits.id).exit_code, 7);
  EXPECT_EQ(exit_outcome(exits.id).signal, std::nullopt);
  EXPECT_EQ(exit_outcome(dies.id).exit_code, std::nullopt);
  EXPECT_EQ(exit_outcome(dies.id).signal, SIGKILL);
  EXPECT_GT(spawn_outcome(exits.id).pid, 1);
  EXPECT_GT(exit_outcome(exits.id).max_rss_bytes, 0);
}

TEST_F(RealLauncherTest, CountsCpuTimeOfTheChildAndItsChildren) {
  const SpawnRequest busy =
      request({"sh", "-c", "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'"});
  ASSERT_TRUE(launcher_->spawn(busy));
  EXPECT_GT(exit_outcome(busy.id).cpu_us, 5'000);
}

TEST_F(RealLauncherTest, TheChildHasOnlyWhatItWasGiven) {
  SpawnRequest env = request({"/usr/bin/env"});
  env.env = {"A=1", "B=with space"};
  EXPECT_EQ(output_of(env), "A=1\nB=with space\n");
  EXPECT_EQ(shell("pwd"), folder_ + "\n");
  EXPECT_EQ(shell("umask"), "0022\n");
  EXPECT_EQ(shell("ulimit -c; ulimit -Sn"), "0\n1024\n");
  EXPECT_EQ(shell("echo /proc/self/fd/*"),
            "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 "
            "/proc/self/fd/3\n")
      << "3 is the shell's own, for the listing";
  EXPECT_EQ(shell("read line || echo end"), "end\n") << "standard input is /dev/null";
  EXPECT_EQ(shell("[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo own session"), "own session\n");
  EXPECT_EQ(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t0\\n'"), "SigBlk:SigIgn:");
}

TEST_F(RealLauncherTest, FurtherDescriptorsComeAfterTheStreams) {
  std::vector<std::array<int, 2>> pipes(limits::kExtraDescriptorsMax);
  SpawnRequest wanted = request(
      {"bash", "-c", "cd /proc/self/fd; echo *; echo last >&10; read line <&3 && echo $line"});
  for (auto& ends : pipes) {
    ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    wanted.extra_fds.push_back(ends[1]);
  }
  wanted.extra_fds.front() = pipes.front()[0];
  ASSERT_EQ(write(pipes.front()[1], "first\n", 6), 6);
  EXPECT_EQ(output_of(wanted), "0 1 10 11 2 3 4 5 6 7 8 9\nfirst\n")
      << "11 is the shell's own, for the listing";
  for (auto& ends : pipes) {
    close(ends[1]);
  }
  EXPECT_EQ(read_to_end(pipes.back()[0]), "last\n");
  for (auto& ends : pipes) {
    close(ends[0]);
  }
}

TEST_F(RealLauncherTest, FindsTheCommandInTheJobsPath) {
  make_file("tool", "#!/bin/sh\necho found\n", 0755);
  SpawnRequest by_name = request({"tool"});
  by_name.env = {"PATH=/nonexistent:" + folder_};
  EXPECT_EQ(output_of(by_name), "found\n");
}

TEST_F(RealLauncherTest, TellsAMissingCommandFromOneThatCannotRun) {
  EXPECT_EQ(failure_of(request({"no-such-command"})).reason, Reason::CommandNotFound);
  EXPECT_NE(spawned_[1].message.find("PATH=/usr/bin:/bin"), std::string::npos);
  EXPECT_EQ(failure_of(request({"/no/such/command"})).reason, Reason::CommandNotFound);
  EXPECT_EQ(failure_of(request({make_file("plain", "echo\n", 0644)})).reason,
            Reason::NotExecutable);
  EXPECT_EQ(failure_of(request({make_file("text", "echo\n", 0755)})).reason, Reason::NotExecutable);
  EXPECT_EQ(spawned_[last_id_].sys_errno, ENOEXEC);
  EXPECT_EQ(failure_of(request({folder_})).reason, Reason::NotExecutable);
}

TEST_F(RealLauncherTest, AMissingInterpreterIsNamed) {
  const SpawnOutcome outcome =
      failure_of(request({make_file("script", "#!/no/such/interpreter -x\n", 0755)}));
  EXPECT_EQ(outcome.reason, Reason::NotExecutable);
  EXPECT_NE(outcome.message.find("/no/such/interpreter does not"), std::string::npos)
      << outcome.message;
}

TEST_F(RealLauncherTest, APathEntryWithoutPermissionDoesNotHideALaterOne) {
  std::filesystem::create_directory(folder_ + "/first");
  make_file("first/tool", "#!/bin/sh\n", 0644);
  make_file("tool", "#!/bin/sh\necho second\n", 0755);
  SpawnRequest by_name = request({"tool"});
  by_name.env = {"PATH=" + folder_ + "/first:" + folder_};
  EXPECT_EQ(output_of(by_name), "second\n");
}

TEST_F(RealLauncherTest, AMissingDirectoryIsNamed) {
  SpawnRequest wanted = request({"true"});
  wanted.cwd = folder_ + "/missing";
  const SpawnOutcome outcome = failure_of(wanted);
  EXPECT_EQ(outcome.reason, Reason::CwdMissing);
  EXPECT_NE(outcome.message.find(wanted.cwd), std::string::npos);
}

TEST_F(RealLauncherTest, AGroupThatCannotBeEnteredStartsNothing) {
  SpawnRequest wanted = request({"touch", "ran"});
  wanted.join_paths = {folder_ + "/missing/cgroup.procs"};
  EXPECT_EQ(failure_of(wanted).reason, Reason::SpawnFailed);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ran"));
}

TEST_F(RealLauncherTest, PassesLargeCommandsAndEnvironmentsWhole) {
  SpawnRequest wanted =
      request({"sh", "-c", "printf %s \"$1$BIG\" | wc -c", "sh", std::string(100'000, 'x')});
  wanted.env.push_back("BIG=" + std::string(120'000, 'y'));
  EXPECT_EQ(output_of(wanted), "220000\n");
}

TEST_F(RealLauncherTest, AnArgumentTooLargeForTheKernelIsAClearFailure) {
  const SpawnOutcome outcome = failure_of(request({"true", std::string(200'000, 'x')}));
  EXPECT_EQ(outcome.reason, Reason::SpawnFailed);
  EXPECT_EQ(outcome.sys_errno, E2BIG);
}

TEST_F(RealLauncherTest, SignalsReachTheProcess) {
  const SpawnRequest sleeps = request({"sleep", "1000"});
  ASSERT_TRUE(launcher_->spawn(sleeps));
  spawn_outcome(sleeps.id);
  ASSERT_TRUE(launcher_->signal(sleeps.id, SIGTERM));
  EXPECT_EQ(exit_outcome(sleeps.id).signal, SIGTERM);
  EXPECT_TRUE(launcher_->signal(sleeps.id, SIGTERM)) << "of no effect once it is reaped";
}

TEST_F(RealLauncherTest, RunsAsAnotherUser) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "NOT RUN HERE: changing the user needs root";
  }
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  SpawnRequest wanted = request({"sh", "-c", "id -u; id -g; id -G"});
  wanted.uid = 65534;
  wanted.gid = 65534;
  EXPECT_EQ(output_of(wanted), "65534\n65534\n65534\n");
}

TEST_F(RealLauncherTest, AHangBeforeExecIsGivenUpAndHoldsNobodyElseUp) {
  start(Duration(300));
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  SpawnRequest hangs = request({"touch", "ran"});
  hangs.join_paths = {fifo};  // opening it waits for a reader
  ASSERT_TRUE(launcher_->spawn(hangs));
  EXPECT_EQ(shell("echo others go on"), "others go on\n");
  EXPECT_FALSE(spawned_.contains(hangs.id));
  EXPECT_EQ(spawn_outcome(hangs.id).reason, Reason::SpawnFailed);
  EXPECT_EQ(spawn_outcome(hangs.id).sys_errno, ETIMEDOUT);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ran"));
}

// A child between fork and exec holds copies of the helper's descriptors, also of those that the
// helper has closed since; their events must not keep it awake.
TEST_F(RealLauncherTest, TheHelperSleepsWhileAChildHangs) {
  std::vector<SpawnRequest> hanging;
  for (const char* name : {"/fifo-1", "/fifo-2"}) {
    const std::string fifo = folder_ + name;
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    hanging.push_back(request({"/bin/true"}));
    hanging.back().join_paths = {fifo};
    ASSERT_TRUE(launcher_->spawn(hanging.back()));
  }
  const int reader = open((folder_ + "/fifo-1").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(exit_outcome(hanging[0].id).exit_code, 0);
  EXPECT_FALSE(spawned_.contains(hanging[1].id));
  bool slept = false;
  for (int look = 0; look < 2'000 && !slept; ++look) {
    std::ifstream stat("/proc/" + std::to_string(launcher_->helper_pid()) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    slept = text.substr(text.rfind(')') + 2, 1) == "S";
    sched_yield();
  }
  EXPECT_TRUE(slept);
  close(reader);
}

TEST_F(RealLauncherTest, ManyRequestsAtOnceAllRun) {
  constexpr int kCount = 600;
  for (int i = 0; i < kCount; ++i) {
    SpawnRequest wanted = request({"/bin/true"});
    wanted.env.push_back("PADDING=" + std::string(4'000, 'p'));  // more than the socket holds
    const auto accepted = launcher_->spawn(wanted);
    ASSERT_TRUE(accepted) << accepted.error().message;
  }
  wait_until([&] { return exited_.size() == kCount; });
  for (const auto& [id, outcome] : exited_) {
    EXPECT_EQ(outcome.exit_code, 0);
  }
}

TEST_F(RealLauncherTest, WaitingRequestsAreBounded) {
  ASSERT_EQ(kill(launcher_->helper_pid(), SIGSTOP), 0);
  Result<> answer;
  for (int i = 0; i < 100'000 && answer; ++i) {
    answer = launcher_->spawn(request({"/bin/true"}));
  }
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().limit, "kSpawnsWaitingMax");
  ASSERT_EQ(kill(launcher_->helper_pid(), SIGKILL), 0);
}

TEST_F(RealLauncherTest, OrphansAreReapedByTheHelper) {
  const std::string output = shell("(setsid sh -c 'echo $$; exec sleep 0.05' &)");
  const pid_t orphan = static_cast<pid_t>(std::stol(output));
  EXPECT_TRUE(gone(orphan));
  // Gone from the table of processes too: nobody else would take its status.
  exited_.clear();
  shell("true");
  EXPECT_NE(kill(orphan, 0), 0);
}

TEST_F(RealLauncherTest, TheEndOfTheAgentEndsWhateverItStarted) {
  // A grandchild in a session of its own that ignores every polite signal.
  const SpawnRequest parent =
      request({"sh", "-c",
               "setsid sh -c 'trap \"\" TERM HUP INT QUIT; echo $$ > pid.tmp; mv pid.tmp pid; "
               "while :; do sleep 1000; done' & "
               "while [ ! -e pid ]; do sleep 0.01; done; echo ready; trap '' TERM; sleep 1000"});
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  SpawnRequest wanted = parent;
  wanted.stdout_fd = ends[1];
  ASSERT_TRUE(launcher_->spawn(wanted));
  close(ends[1]);
  std::array<char, 6> line{};
  ASSERT_EQ(read(ends[0], line.data(), line.size()), 6);
  close(ends[0]);
  pid_t grandchild = 0;
  std::ifstream(folder_ + "/pid") >> grandchild;
  ASSERT_GT(grandchild, 1);
  const pid_t child = spawn_outcome(parent.id).pid;
  ASSERT_EQ(kill(grandchild, 0), 0);

  launcher_.reset();  // closes the socket, as the agent's death would
  EXPECT_NE(kill(grandchild, 0), 0);
  EXPECT_NE(kill(child, 0), 0);
}

TEST_F(RealLauncherTest, AnAgentKilledOutrightLeavesNothingRunning) {
  std::array<int, 2> pids{};
  ASSERT_EQ(pipe2(pids.data(), O_CLOEXEC), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    // A second agent with a launcher of its own, of which the test sees only what its job writes.
    auto launcher = RealLauncher::start({.helper_path = HEARTH_LAUNCHER_PROGRAM});
    SpawnRequest wanted =
        request({"sh", "-c",
                 "setsid sh -c 'trap \"\" TERM HUP INT; echo $$; exec sleep 1000' & sleep 1000"});
    wanted.stdout_fd = pids[1];
    if (!launcher || !(*launcher)->spawn(wanted)) {
      _exit(1);
    }
    while (true) {
      pause();
    }
  }
  close(pids[1]);
  std::string line;
  char byte = 0;
  while (read(pids[0], &byte, 1) == 1 && byte != '\n') {
    line += byte;
  }
  ASSERT_FALSE(line.empty());
  ASSERT_EQ(kill(agent, SIGKILL), 0);
  EXPECT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_TRUE(gone(static_cast<pid_t>(std::stol(line))));
  EXPECT_EQ(read_to_end(pids[0]), "") << "nobody holds the job's output any more";
  close(pids[0]);
}

TEST_F(RealLauncherTest, TheHelperSurvivesWhatAServiceManagerSendsToAll) {
  const pid_t helper = launcher_->helper_pid();
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) {
    ASSERT_EQ(kill(helper, number), 0);
  }
  EXPECT_EQ(shell("echo alive"), "alive\n");
  EXPECT_EQ(launcher_->helper_pid(), helper);
}

TEST_F(RealLauncherTest, ItsDeathIsToldAndItCanBeStartedAgain) {
  const SpawnRequest sleeps = request({"sleep", "1000"});
  ASSERT_TRUE(launcher_->spawn(sleeps));
  const pid_t child = spawn_outcome(sleeps.id).pid;
  ASSERT_EQ(kill(launcher_->helper_pid(), SIGKILL), 0);
  wait_until([&] { return !lost_.empty(); });
  EXPECT_NE(lost_.find("killed by signal 9"), std::string::npos) << lost_;
  EXPECT_TRUE(gone(child)) << "its own children die with it";
  EXPECT_EQ(launcher_->spawn(request({"true"})).error().code, ErrorCode::Unavailable);
  ASSERT_TRUE(launcher_->restart());
  EXPECT_EQ(shell("echo again"), "again\n");
}

TEST_F(RealLauncherTest, NothingLeaksOverManySpawns) {
  const auto open_files = [](pid_t pid) {
    const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return std::distance(std::filesystem::directory_iterator(folder), {});
  };
  shell("true");
  const auto ours = open_files(getpid());
  const auto theirs = open_files(launcher_->helper_pid());
  for (int i = 0; i < 50; ++i) {
    shell("true");
    failure_of(request({"no-such-command"}));
  }
  shell("true");
  EXPECT_EQ(open_files(getpid()), ours);
  EXPECT_EQ(open_files(launcher_->helper_pid()), theirs);
}

TEST(RealLauncherStartTest, AMissingHelperIsNamed) {
  const auto failed = RealLauncher::start({.helper_path = "/no/such/hearth-launcher"});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::NotFound);
  EXPECT_NE(failed.error().message.find("/no/such/hearth-launcher"), std::string::npos);
}

}  // namespace
}  // namespace hearth::agent
