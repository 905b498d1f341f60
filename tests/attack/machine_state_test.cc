// What the tests of this folder ask after each job can be answered with no.
#include "tests/attack/machine_state.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "tests/harness/program.h"
#include "tests/harness/scratch.h"

namespace hearth::attack {
namespace {

class MachineStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pen =
        ::geteuid() == 0 ? Pen::make() : Result<std::unique_ptr<Pen>>(internal_error("root"));
    if (!pen) {
      GTEST_SKIP() << "NOT RUN HERE: " << pen.error().message;
    }
    pen_ = std::move(*pen);
    std::filesystem::create_directories(scratch_.path("up/agent"));
    before_ = now();
  }

  // This process stands for hearth.
  [[nodiscard]] MachineState now() const {
    return MachineState::of(*pen_, ::getpid(), scratch_.path("up"));
  }

  void expect_told(const std::string& beginning) {
    const auto found = differences(before_, now());
    EXPECT_TRUE(std::any_of(found.begin(), found.end(),
                            [&](const auto& line) { return line.starts_with(beginning); }))
        << beginning << " is not among " << found.size();
  }

  harness::Scratch scratch_;
  std::unique_ptr<Pen> pen_;
  MachineState before_;
};

TEST_F(MachineStateTest, IsTheSameWhileNothingHappens) {
  EXPECT_EQ(differences(before_, now()), std::vector<std::string>{});
}

TEST_F(MachineStateTest, TellsOfAProcess) {
  const harness::Program program(scratch_.path(), {"cat", "/dev/zero"}, {});
  expect_told("process that was not there: " + std::to_string(program.pid()));
}

TEST_F(MachineStateTest, TellsOfAGroup) {
  const std::string folder = "/sys/fs/cgroup/pids/attack-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir((folder + "/left").c_str(), 0755), 0);
  expect_told("group that was not there: " + folder + "/left");
  ::rmdir((folder + "/left").c_str());
}

TEST_F(MachineStateTest, TellsOfAMount) {
  ASSERT_EQ(::mount("left", scratch_.path().c_str(), "tmpfs", 0, ""), 0);
  expect_told("mount of hearth that was not there: ");
  ::umount2(scratch_.path().c_str(), MNT_DETACH);
}

TEST_F(MachineStateTest, TellsOfADescriptor) {
  const UniqueFd left(::dup(STDERR_FILENO));
  expect_told("descriptors of hearth: ");
}

TEST_F(MachineStateTest, TellsOfAFile) {
  std::ofstream(scratch_.path("up/agent/left")) << "x";
  expect_told("file that was not there: ");
}

TEST_F(MachineStateTest, TellsOfASetting) {
  before_.settings["/proc/sys/kernel/core_pattern"] = "another";
  expect_told("setting /proc/sys/kernel/core_pattern is ");
}

TEST_F(MachineStateTest, TellsOfARangeOfIdsAndOfMemory) {
  before_.id_ranges = 1;
  expect_told("ranges of ids held: 0");
  MachineState later = now();
  later.resident_bytes = 1'000'000'000;
  EXPECT_EQ(differences(now(), later).size(), 1U);
}

// The kernel tells of two that touch as of one.
TEST_F(MachineStateTest, CountsRangesOfIdsThatTouch) {
  const std::string path = scratch_.path("sandbox-ids");
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock lock {
    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 1
  };
  for (; lock.l_start < 5; ++lock.l_start) {
    ASSERT_EQ(::fcntl(file.get(), F_OFD_SETLK, &lock), 0);
  }
  EXPECT_EQ(now().id_ranges, 2);
}

// All hierarchies that hearth makes groups in, so that what it leaves is seen.
TEST_F(MachineStateTest, AProcessOfThePenIsInIt) {
  const harness::Program program(scratch_.path(), {"cat", "/dev/zero"}, {});
  EXPECT_EQ(pen_->processes(), (std::set<pid_t>{::getpid(), program.pid()}));
}

}  // namespace
}  // namespace hearth::attack
