#include "agent/cgroup/kept_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/cgroup/cgroup_fs.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

class KeptFilesTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string read(KeptFiles& files, const std::string& name) {
    std::array<char, 64> buffer{};
    const int fd = files.find(folder_, name, O_RDONLY);
    const ssize_t size = fd < 0 ? 0 : read_from_start(fd, buffer);
    return fd < 0 ? "none" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  testing::TempDir dir_;
  const std::string folder_ = dir_.path();
};

TEST_F(KeptFilesTest, OpensOnceAndReadsWhatTheFileSaysNow) {
  KeptFiles files(10);
  put("limit", "1\n");
  EXPECT_EQ(read(files, "limit"), "none");  // nobody asked to keep the folder
  files.keep(folder_);
  EXPECT_EQ(read(files, "limit"), "1\n");
  EXPECT_EQ(pwrite(files.find(folder_, "limit", O_WRONLY), "2", 1, 0), 1);
  EXPECT_EQ(read(files, "limit"), "2\n");
  EXPECT_EQ(files.find(folder_, "limit", O_RDONLY), files.find(folder_, "limit", O_RDONLY));
  EXPECT_EQ(files.open_files(), 2);
  EXPECT_EQ(read(files, "missing"), "none");
  EXPECT_GE(files.find(folder_, {}, O_PATH | O_DIRECTORY), 0);
}

TEST_F(KeptFilesTest, KeepsNoMoreThanItMay) {
  KeptFiles files(2);
  files.keep(folder_);
  for (const char* name : {"a", "b", "c"}) {
    put(name, name);
  }
  EXPECT_EQ(read(files, "a"), "a");
  EXPECT_EQ(read(files, "b"), "b");
  EXPECT_EQ(read(files, "c"), "none");
  files.let_go(folder_);
  EXPECT_EQ(files.open_files(), 0);
  EXPECT_EQ(read(files, "a"), "none");
  files.keep(folder_);
  EXPECT_EQ(read(files, "c"), "c");
}

// What KernelCgroupFs makes of them, on a plain folder.
TEST_F(KeptFilesTest, ARemovedFolderIsForgotten) {
  KernelCgroupFs fs;
  const std::string group = folder_ + "/slot";
  ASSERT_TRUE(fs.make(group));
  fs.keep(group);
  put("slot/limit", "1");
  EXPECT_EQ(fs.read(group + "/limit").value(), "1");
  EXPECT_EQ(fs.read(group + "/missing").error().code, ErrorCode::NotFound);
  ASSERT_EQ(unlink((group + "/limit").c_str()), 0);
  ASSERT_TRUE(fs.remove(group));
  ASSERT_TRUE(fs.make(group));
  put("slot/limit", "another");
  EXPECT_EQ(fs.read(group + "/limit").value(), "another");
}

TEST_F(KeptFilesTest, AFolderThatSomebodyElseRemovedIsForgottenToo) {
  KernelCgroupFs fs;
  const std::string group = folder_ + "/slot";
  ASSERT_TRUE(fs.make(group));
  fs.keep(group);
  put("slot/limit", "1");
  EXPECT_EQ(fs.read(group + "/limit").value(), "1");
  std::filesystem::remove_all(group);
  EXPECT_EQ(fs.remove(group).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(fs.make(group));
  put("slot/limit", "another");
  EXPECT_EQ(fs.read(group + "/limit").value(), "another");
}

// The kernel keeps a v1 list of processes for a second for whoever has it open.
TEST_F(KeptFilesTest, ListsOfProcessesAreReadAnew) {
  KernelCgroupFs fs;
  fs.keep(folder_);
  put("cgroup.procs", "1\n");
  EXPECT_EQ(fs.read(folder_ + "/cgroup.procs").value(), "1\n");
  ASSERT_EQ(unlink((folder_ + "/cgroup.procs").c_str()), 0);
  put("cgroup.procs", "2\n");
  EXPECT_EQ(fs.read(folder_ + "/cgroup.procs").value(), "2\n");
}

TEST_F(KeptFilesTest, EnsureWritesOnlyWhatIsOther) {
  KernelCgroupFs fs;
  put("limit", "100\n");
  ASSERT_TRUE(fs.ensure(folder_ + "/limit", "100"));
  EXPECT_EQ(fs.read(folder_ + "/limit").value(), "100\n");  // not written: the line break is there
  ASSERT_TRUE(fs.ensure(folder_ + "/limit", "200"));
  EXPECT_EQ(fs.read(folder_ + "/limit").value(), "200\n");
  EXPECT_EQ(fs.ensure(folder_ + "/missing", "1").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace hearth::agent
