// How sandboxed programs begin and end, and that nothing of them stays.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "agent/sandbox/testing/sandbox_fixture.h"
#include "base/files.h"

namespace hearth::agent {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Open descriptors but those of the empty networks that a launcher keeps, whose number is bounded.
std::ptrdiff_t descriptors(const std::string& process) {
  std::ptrdiff_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
    std::error_code closed;
    count += std::filesystem::read_symlink(entry, closed).string().starts_with("net:") ? 0 : 1;
  }
  return count;
}

// Below `parent`, those with a user of a sandbox: others are the launcher's own, which end soon.
std::set<pid_t> sandboxed_below(pid_t parent) {
  std::set<pid_t> found;
  const std::string pid = std::to_string(parent);
  std::istringstream children(text_of("/proc/" + pid + "/task/" + pid + "/children"));
  for (pid_t child = 0; children >> child;) {
    const std::string status = text_of("/proc/" + std::to_string(child) + "/status");
    const std::size_t at = status.find("\nUid:\t");
    if (at != std::string::npos &&
        std::stoul(status.substr(at + 6)) >= limits::kSandboxIdAreaFirst) {
      found.insert(child);
    }
    found.merge(sandboxed_below(child));
  }
  return found;
}

class SandboxLifeTest : public SandboxFixture, public ::testing::WithParamInterface<Origin> {
 protected:
  SandboxLifeTest() : SandboxFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Origins, SandboxLifeTest,
                         ::testing::Values(Origin::Alone, Origin::Template), origin_name);

TEST_P(SandboxLifeTest, TheEndIsThatOfTheProgram) {
  EXPECT_EQ(run(script("exit 7")).exited.exit_code, 7);
  const Ran killed = run(script("kill -KILL $$"));
  EXPECT_EQ(killed.exited.exit_code, std::nullopt);
  EXPECT_EQ(killed.exited.signal, SIGKILL);
  EXPECT_GT(killed.spawned.pid, 1);
  EXPECT_EQ(run(script("exit 127")).exited.exit_code, 127);
}

TEST_P(SandboxLifeTest, CpuTimeAndMemoryAreThoseOfTheProgram) {
  const Ran ran = run(script("sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'"));
  EXPECT_GT(ran.exited.cpu_us, 5'000);
  EXPECT_GT(ran.exited.max_rss_bytes, 0);
}

TEST_P(SandboxLifeTest, WhatCannotBeExecutedIsToldAsWithoutASandbox) {
  EXPECT_EQ(run({"no-such-command"}).spawned.reason, Reason::CommandNotFound);
  const Ran missing = run({"/opt/no/such"});
  EXPECT_EQ(missing.spawned.reason, Reason::CommandNotFound);
  EXPECT_NE(missing.spawned.message.find("in its sandbox"), std::string::npos)
      << missing.spawned.message;
  EXPECT_EQ(run({"/etc/passwd"}).spawned.reason, Reason::NotExecutable);
  ASSERT_TRUE(scratch_->write_file("text", "echo\n", 0755));
  EXPECT_EQ(run({"/work/text"}).spawned.sys_errno, ENOEXEC);
  ASSERT_TRUE(scratch_->write_file("script", "#!/no/such/interpreter -x\n", 0755));
  const Ran interpreter = run({"./script"});
  EXPECT_EQ(interpreter.spawned.reason, Reason::NotExecutable);
  EXPECT_NE(interpreter.spawned.message.find("/no/such/interpreter does not"), std::string::npos)
      << interpreter.spawned.message;
  SpawnRequest lost = request({"true"});
  lost.cwd = "/work/missing";
  const Ran nowhere = run(lost);
  EXPECT_EQ(nowhere.spawned.reason, Reason::CwdMissing);
  EXPECT_NE(nowhere.spawned.message.find("/work/missing"), std::string::npos);
}

TEST_P(SandboxLifeTest, TheCommandIsFoundInThePathInside) {
  ASSERT_TRUE(scratch_->write_file("tools/tool", "#!/bin/sh\necho found $0\n", 0755));
  SpawnRequest by_name = request({"tool"});
  by_name.env = {"PATH=/nonexistent:/work/tools"};
  EXPECT_EQ(run(by_name).out, "found /work/tools/tool\n");
}

// A tar with one file.
std::string small_tar(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  const auto put = [&header](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  std::array<char, 12> size{};
  std::snprintf(size.data(), size.size(), "%011o", static_cast<unsigned>(content.size()));
  put(0, name);
  put(100, "0000644");
  put(124, size.data());
  put(136, "00000000000");
  put(148, "        ");
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  unsigned sum = 0;
  for (const char byte : header) {
    sum += static_cast<unsigned char>(byte);
  }
  std::array<char, 8> checksum{};
  std::snprintf(checksum.data(), checksum.size(), "%06o", sum);
  put(148, checksum.data());
  std::string body = content;
  body.resize((content.size() + 511) / 512 * 512);
  return header + body + std::string(1'024, '\0');
}

TEST_P(SandboxLifeTest, AnUploadIsThereBeforeTheProgramAndIsTheTasks) {
  const std::string archive = small_tar("hello", "from the archive\n");
  const UniqueFd file(memfd_create("upload", MFD_CLOEXEC));
  ASSERT_EQ(write(file.get(), archive.data(), archive.size()), std::ssize(archive));
  SpawnRequest wanted = script("cat hello; stat -c '%U %a' hello; ls -A");
  wanted.sandbox->upload_fd = file.get();
  const Ran ran = run(wanted);
  EXPECT_EQ(ran.spawned.message, "");
  EXPECT_EQ(ran.out, "from the archive\ntask 644\nhello\n");
}

TEST_P(SandboxLifeTest, AnUploadThatIsNoArchiveStartsNothing) {
  SpawnRequest wanted = request({"true"});
  const UniqueFd archive(open("/dev/null", O_RDONLY | O_CLOEXEC));
  wanted.sandbox->upload_fd = archive.get();
  const Ran ran = run(wanted);
  EXPECT_EQ(ran.spawned.pid, 0);
  EXPECT_NE(ran.spawned.message.find("unpack the upload"), std::string::npos)
      << ran.spawned.message;
}

TEST_P(SandboxLifeTest, AScratchServesOneSandbox) {
  const UniqueFd again(fcntl(scratch_->fd(), F_DUPFD_CLOEXEC, 0));
  run({"true"});
  SpawnRequest second = request({"true"});
  second.sandbox->scratch_fd = again.get();
  const Ran ran = run(second);
  EXPECT_EQ(ran.spawned.reason, Reason::SandboxError);
  EXPECT_NE(ran.spawned.message.find("place /work"), std::string::npos) << ran.spawned.message;
}

TEST_P(SandboxLifeTest, SignalsReachTheProgram) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    const SpawnRequest waits = request({"sleep", "1000"});
    const UniqueFd out = start(waits);
    ASSERT_GT(spawn_outcome(waits.id).pid, 0);
    ASSERT_TRUE(launcher_->signal(waits.id, number));
    EXPECT_EQ(exit_outcome(waits.id).signal, number);
    renew_scratch();
  }
  const SpawnRequest polite =
      script("trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
  const UniqueFd out = start(polite);
  EXPECT_EQ(read_line(out.get()), "ready");
  ASSERT_TRUE(launcher_->signal(polite.id, SIGTERM));
  EXPECT_EQ(read_to_end(out.get()), "stopping\n");
  EXPECT_EQ(exit_outcome(polite.id).exit_code, 3);
}

TEST_P(SandboxLifeTest, TheProgramCannotReachItsInit) {
  EXPECT_EQ(output("kill -9 1 2> /dev/null || echo no; kill -TERM 1 2> /dev/null || echo no"),
            "no\nno\n");
  const Ran all = run(script("kill -9 -1; echo still"));
  EXPECT_TRUE(all.exited.signal == SIGKILL || all.out.ends_with("still\n")) << all.out;
}

TEST_P(SandboxLifeTest, KillEndsAllThatIsInside) {
  const SpawnRequest wanted = script(
      "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM; exec sleep 1000' &) ; "
      "(sleep 1000 &) ; echo ready; exec sleep 1000");
  const UniqueFd out = start(wanted);
  EXPECT_EQ(read_line(out.get()), "ready");
  EXPECT_GE(sandboxed_below(launcher_->helper_pid()).size(), 4U);
  ASSERT_TRUE(launcher_->signal(wanted.id, SIGKILL));
  EXPECT_EQ(exit_outcome(wanted.id).signal, SIGKILL);
  EXPECT_EQ(read_to_end(out.get()), "") << "nobody holds the output";
  EXPECT_EQ(sandboxed_below(launcher_->helper_pid()), std::set<pid_t>{});
}

TEST_P(SandboxLifeTest, WhatTheProgramLeavesEndsWithIt) {
  const SpawnRequest wanted =
      script("(setsid sh -c 'trap \"\" TERM HUP; exec sleep 1000' > /dev/null 2>&1 &) ; exit 5");
  const UniqueFd out = start(wanted);
  EXPECT_EQ(exit_outcome(wanted.id).exit_code, 5);
  EXPECT_EQ(sandboxed_below(launcher_->helper_pid()), std::set<pid_t>{});
}

TEST_P(SandboxLifeTest, OrphansAreReaped) {
  EXPECT_EQ(output("i=0; while [ $i -lt 30 ]; do (true &) ; i=$((i+1)); done; "
                   "while grep -q -s '^State:.Z' /proc/[0-9]*/status; do sleep 0.01; done; "
                   "echo none left"),
            "none left\n");
}

TEST_P(SandboxLifeTest, TheProgramsEndEndsItsOutput) {
  // It closes its output and lives on: the init must not hold it open.
  const SpawnRequest wanted = script("echo last; exec sleep 1000 > /dev/null 2>&1");
  const UniqueFd out = start(wanted);
  EXPECT_EQ(read_to_end(out.get()), "last\n");
  EXPECT_FALSE(exited_.contains(wanted.id));
  ASSERT_TRUE(launcher_->signal(wanted.id, SIGTERM));
  exit_outcome(wanted.id);
}

TEST_P(SandboxLifeTest, TheLaunchersDeathEndsEverySandbox) {
  const SpawnRequest wanted = script("(setsid sleep 1000 &) ; echo ready; exec sleep 1000");
  const UniqueFd out = start(wanted);
  EXPECT_EQ(read_line(out.get()), "ready");
  const pid_t init = spawn_outcome(wanted.id).pid;
  ASSERT_EQ(kill(launcher_->helper_pid(), SIGKILL), 0);
  EXPECT_TRUE(gone(init));
  EXPECT_EQ(read_to_end(out.get()), "");
  wait_until([this] { return !lost_.empty(); });
  ASSERT_TRUE(launcher_->restart());
  renew_scratch();
  EXPECT_EQ(output("echo again"), "again\n");
}

TEST_P(SandboxLifeTest, TheAgentsDeathEndsEverySandbox) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  SpawnRequest wanted =
      script("trap '' TERM HUP; (setsid sleep 1000 &) ; echo ready; exec sleep 1000");
  wanted.stdout_fd = ends[1];
  const pid_t agent = fork();
  if (agent == 0) {
    // A second agent with a launcher of its own.
    auto launcher = RealLauncher::start({.helper_path = launcher_program()});
    if (!launcher || !(*launcher)->spawn(wanted)) {
      _exit(1);
    }
    while (true) {
      pause();
    }
  }
  close(ends[1]);
  EXPECT_EQ(read_line(ends[0]), "ready");
  ASSERT_EQ(kill(agent, SIGKILL), 0);
  EXPECT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_EQ(read_to_end(ends[0]), "") << "nobody holds the output any more";
  close(ends[0]);
}

TEST_P(SandboxLifeTest, AGroupIsEnteredBeforeAnythingRunsAndSeenAsTheRoot) {
  std::string parent;
  for (const char* root : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    if (parent.empty() && std::filesystem::exists(std::string(root) + "/cgroup.controllers")) {
      parent = root;
    }
  }
  const std::string group = parent + "/hearth-sandbox-" + std::to_string(getpid());
  if (parent.empty() || mkdir(group.c_str(), 0755) != 0) {
    GTEST_SKIP() << "NOT RUN HERE: no v2 group can be made";
  }
  SpawnRequest wanted = script("grep '^0::' /proc/self/cgroup; echo ready; exec sleep 1000");
  wanted.join_paths = {group + "/cgroup.procs"};
  const UniqueFd out = start(wanted);
  EXPECT_EQ(read_line(out.get()), "0::/");
  EXPECT_EQ(read_line(out.get()), "ready");
  std::istringstream members(text_of(group + "/cgroup.procs"));
  EXPECT_EQ(std::distance(std::istream_iterator<int>(members), {}), 2)
      << "the init and the program";
  ASSERT_TRUE(launcher_->signal(wanted.id, SIGTERM));
  exit_outcome(wanted.id);
  EXPECT_EQ(rmdir(group.c_str()), 0) << "empty once the end is told";
}

TEST_P(SandboxLifeTest, AGroupThatCannotBeEnteredStartsNothing) {
  SpawnRequest wanted = request({"true"});
  wanted.join_paths = {folder_.file("missing/cgroup.procs")};
  const Ran missing = run(wanted);
  EXPECT_EQ(missing.spawned.reason, Reason::SpawnFailed);
  // Opening this waits for a reader; the launcher must not.
  const std::string fifo = folder_.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  SpawnRequest hangs = request({"true"});
  hangs.join_paths = {fifo};
  EXPECT_EQ(run(hangs).spawned.reason, Reason::SpawnFailed);
  EXPECT_EQ(output("echo goes on"), "goes on\n");
}

TEST_P(SandboxLifeTest, NothingLeaksOverManySandboxes) {
  run({"true"});
  const std::string helper = "/proc/" + std::to_string(launcher_->helper_pid());
  const auto ours = descriptors("/proc/self");
  const auto theirs = descriptors(helper);
  for (int i = 0; i < 200; ++i) {
    const Ran ran = run({i % 10 == 0 ? "no-such-command" : "/bin/true"});
    if (i % 10 != 0) {
      ASSERT_EQ(ran.exited.exit_code, 0) << ran.spawned.message;
    }
  }
  run({"true"});
  EXPECT_EQ(descriptors("/proc/self"), ours);
  EXPECT_EQ(descriptors(helper), theirs);
  // Whatever a sandbox starts descends from the launcher, also when it is orphaned.
  EXPECT_EQ(sandboxed_below(launcher_->helper_pid()), std::set<pid_t>{});
  for (const std::string& process : {std::string("/proc/self"), helper}) {
    const std::string mounts = text_of(process + "/mountinfo");
    EXPECT_NE(mounts, "");
    for (const char* of_a_sandbox :
         {"hidepid=invisible", "nr_inodes=1024", "nr_inodes=16384", "userxattr"}) {
      EXPECT_EQ(mounts.find(of_a_sandbox), std::string::npos) << mounts;
    }
  }
}

TEST_P(SandboxLifeTest, ManyAtOnceAllRun) {
  constexpr int kCount = 40;
  std::vector<UidRange> ranges;
  std::vector<Scratch> scratches;
  for (int i = 0; i < kCount; ++i) {
    auto range = ranges_->take();
    ASSERT_TRUE(range);
    auto scratch = Scratch::create({.id_base = range->base()});
    ASSERT_TRUE(scratch) << scratch.error().message;
    SpawnRequest wanted = request({"/bin/true"});
    wanted.sandbox->id_base = range->base();
    wanted.sandbox->scratch_fd = scratch->fd();
    ranges.push_back(std::move(*range));
    scratches.push_back(std::move(*scratch));
    ASSERT_TRUE(launcher_->spawn(wanted));
  }
  wait_until([&] { return exited_.size() >= kCount + 1; });
  for (const auto& [id, outcome] : exited_) {
    EXPECT_EQ(outcome.exit_code, 0) << id;
  }
}

TEST_P(SandboxLifeTest, TheLauncherCannotBeLookedInto) {
  // Of a user other than root, since root may look into everything.
  const std::string program = folder_.file("launcher");
  std::filesystem::copy_file(launcher_program(), program);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    struct stat info {};
    if (setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(1);
    }
    auto launcher = RealLauncher::start({.helper_path = program});
    if (!launcher) {
      _exit(1);
    }
    // A program of level none, so that the launcher is past its start.
    bool done = false;
    (*launcher)->set_events({.on_spawned = {},
                             .on_exited = [&](const ExitOutcome&) { done = true; },
                             .on_lost = [](const std::string&) { _exit(1); }});
    if (!(*launcher)->spawn({.id = 1, .command = {"/bin/true"}})) {
      _exit(1);
    }
    while (!done) {
      pollfd ready{.fd = (*launcher)->fd(), .events = POLLIN};
      poll(&ready, 1, kPatienceMs);
      (*launcher)->process_events();
    }
    const std::string file = "/proc/" + std::to_string((*launcher)->helper_pid()) + "/environ";
    const bool root_owns = stat(file.c_str(), &info) == 0 && info.st_uid == 0;
    const bool closed = open(file.c_str(), O_RDONLY) < 0;
    const char verdict = root_owns && closed ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ends[1], &verdict, 1);
    launcher->reset();
    _exit(0);
  }
  close(ends[1]);
  EXPECT_EQ(read_to_end(ends[0]), "y");
  EXPECT_EQ(waitpid(agent, nullptr, 0), agent);
  close(ends[0]);
}

}  // namespace
}  // namespace hearth::agent
