// What a submitter gives that is looked at before the sandbox is closed: working directory, command
// and PATH. Until the program begins, the process that becomes it is the launcher's child with the
// launcher's descriptors, and /proc/self leads to them (as in runc's CVE-2024-21626).
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>

#include "base/unique_fd.h"
#include "tests/attack/attack_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

constexpr int kDescriptorsLooked = 32;

class WaysInTest : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
    }
  }
};

// One after the other, so that the numbers mean the same each time.
TEST_F(WaysInTest, NoFolderOfTheLauncherIsTheWorkingDirectory) {
  for (int fd = 3; fd < kDescriptorsLooked; ++fd) {
    const std::string cwd = "/proc/self/fd/" + std::to_string(fd);
    const json::object ended = run({"/bin/ls"}, {{"cwd", cwd}});
    EXPECT_EQ(text(ended, "reason"), "cwd_missing")
        << cwd << " shows: " << output(text(ended, "id")).substr(0, 200);
  }
  expect_as_before();
}

TEST_F(WaysInTest, NoProgramIsFoundThroughADescriptorOfTheLauncher) {
  for (int fd = 3; fd < kDescriptorsLooked; ++fd) {
    const std::string folder = "/proc/self/fd/" + std::to_string(fd);
    for (const char* inner : {"/bin/true", "/usr/bin/true"}) {
      EXPECT_NE(text(run({folder + inner}), "state"), "COMPLETED") << folder + inner;
    }
  }
  expect_as_before();
}

TEST_F(WaysInTest, WorkingDirectoriesThatAreOthers) {
  for (const char* cwd : {"/proc/1/root", "/proc/1/cwd", "/proc/self/root/../root", "/root",
                          "/home", "/var/tmp", "/work/../../../root", "/sys/fs/cgroup"}) {
    const json::object ended = run({"/bin/ls"}, {{"cwd", cwd}});
    EXPECT_EQ(text(ended, "reason"), "cwd_missing") << cwd << ": " << output(text(ended, "id"));
  }
  // The sandbox's own root, by another name.
  const json::object own = run({"/bin/ls", "/root"}, {{"cwd", "/proc/self/root"}});
  EXPECT_EQ(text(own, "reason"), "exit_nonzero");
  expect_as_before();
}

// The kernel charges what a user namespace holds (watches by inotify, pending signals, …) to the
// user who made it, with his limits: were that root, one job could take all that root's services
// have.
TEST_F(WaysInTest, RootIsNotChargedForWhatJobsHold) {
  const std::string id = submit(job_of(tool({"do", "ignore-term"})));
  wait_until([&] { return output(id) == "ready\n"; }, "it to run");
  int looked_at = 0;
  for (const pid_t pid : pen().processes()) {
    const std::string folder = "/proc/" + std::to_string(pid);
    if (harness::contents(folder + "/cmdline").find("ignore-term") == std::string::npos) {
      continue;
    }
    const UniqueFd ns(::open((folder + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    uid_t owner = 0;
    EXPECT_EQ(::ioctl(ns.get(), NS_GET_OWNER_UID, &owner), 0);
    EXPECT_NE(owner, 0U) << "inotify instances of this job count as root's";
    ++looked_at;
  }
  EXPECT_EQ(looked_at, 1);
  EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  expect_as_before();
}

// Where core_pattern names a program, the kernel starts it, as root and outside of all limits, for
// each process that crashes, also with a core limit of zero; not with a limit of one byte.
TEST_F(WaysInTest, CrashesStartNoProgramOfTheMachine) {
  expect_end(
      {.name = "core-limit", .command = tool({"do", "core-limit"}), .output = "refused 1\n"});
}

// Scripts write to these as if they were files.
TEST_F(WaysInTest, StreamsByName) {
  const json::object ended =
      run({"sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin"},
          {{"stdin", "in\n"}});
  EXPECT_EQ(output(text(ended, "id")), "out\nin\n");
  EXPECT_EQ(output(text(ended, "id"), "stderr"), "err\n");
}

}  // namespace
}  // namespace hearth::attack
