#include "agent/launcher/helper/groups.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace hearth::agent::helper {
namespace {

std::optional<std::string> v2_mount() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs what {};
    if (statfs(path, &what) == 0 && what.f_type == CGROUP2_SUPER_MAGIC) {
      return path;
    }
  }
  return std::nullopt;
}

// Needs a cgroup2 mount in which this user may make groups.
class GroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto mount = v2_mount()) {
      group_ = *mount + "/hearth-groups-test-" + std::to_string(getpid());
    }
    if (group_.empty() || mkdir(group_.c_str(), 0755) != 0) {
      group_.clear();
      GTEST_SKIP() << "NOT RUN HERE: no group of cgroup v2 can be made; runs in tests/vm";
    }
  }
  void TearDown() override {
    if (!group_.empty()) {
      EXPECT_EQ(rmdir(group_.c_str()), 0) << "something is left in it";
    }
  }

  // What /proc/self/cgroup says in the child, before and after it enters the files.
  static std::array<std::string, 2> groups_of_child(GroupEntry& entry) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const pid_t pid = fork_into(entry, 0);
    if (pid == 0) {
      const std::string before = own_groups();
      enter_groups(StatusPipe(ends[1]), entry.files);
      const std::string both = before + '\0' + own_groups();
      _exit(write(ends[1], both.data(), both.size()) == std::ssize(both) ? 0 : 1);
    }
    close(ends[1]);
    std::string said;
    std::array<char, 4'096> part{};
    for (ssize_t got = 0; (got = read(ends[0], part.data(), part.size())) > 0;) {
      said.append(part.data(), static_cast<std::size_t>(got));
    }
    close(ends[0]);
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    const std::size_t middle = said.find('\0');
    return {said.substr(0, middle), middle == std::string::npos ? "" : said.substr(middle + 1)};
  }
  static std::string own_groups() {
    std::ifstream file("/proc/self/cgroup");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  [[nodiscard]] bool is_member(const std::string& groups) const {
    return groups.find(group_.substr(group_.rfind('/')) + "\n") != std::string::npos;
  }

  std::string group_;
};

TEST_F(GroupsTest, AChildIsBornInItsGroupOfV2) {
  GroupEntry entry = plan_entry({group_ + "/cgroup.procs"});
  ASSERT_TRUE(entry.born_in.valid());
  EXPECT_TRUE(entry.files.empty()) << "there is nothing left to move";
  const auto [born, entered] = groups_of_child(entry);
  EXPECT_TRUE(is_member(born)) << born;
  EXPECT_TRUE(is_member(entered)) << entered;
}

TEST_F(GroupsTest, WhereBirthIsRefusedTheChildEntersItself) {
  GroupEntry entry = plan_entry({group_ + "/cgroup.procs"});
  entry.born_in.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));  // no group at all
  ASSERT_FALSE(open_files(entry));
  const auto [born, entered] = groups_of_child(entry);
  EXPECT_FALSE(is_member(born)) << born;
  EXPECT_TRUE(is_member(entered)) << entered;
}

TEST(GroupEntryTest, OnlyAFolderOfV2IsToBeBornIn) {
  const GroupEntry entry = plan_entry({"/tmp/cgroup.procs", "/nowhere/tasks"});
  EXPECT_FALSE(entry.born_in.valid());
  ASSERT_EQ(entry.files.size(), 2U);
  EXPECT_EQ(entry.files[0].path, "/tmp/cgroup.procs");
  EXPECT_EQ(entry.files[1].path, "/nowhere/tasks");
}

TEST(GroupEntryTest, AFileThatCannotBeOpenedIsNamed) {
  GroupEntry entry = plan_entry({"/nowhere/tasks"});
  const auto failure = open_files(entry);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->stage, ChildStage::JoinGroup);
  EXPECT_EQ(failure->sys_errno, ENOENT);
  EXPECT_STREQ(failure->detail.data(), "/nowhere/tasks");
}

}  // namespace
}  // namespace hearth::agent::helper
