#include "agent/runtimes/attempt_folders.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "agent/runtimes/attempt_files.h"

namespace hearth::agent {
namespace {

namespace fs = std::filesystem;

class AttemptFoldersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string scratch = fs::temp_directory_path() / "hearth-folders-XXXXXX";
    ASSERT_NE(mkdtemp(scratch.data()), nullptr);
    parent_ = scratch;
    folders_.emplace(parent_, std::nullopt, std::nullopt, 2);
  }
  void TearDown() override {
    folders_.reset();
    EXPECT_TRUE(fs::is_empty(parent_)) << "what is kept goes at the end";
    fs::remove_all(parent_);
  }

  std::string take() { return folders_->take().value(); }

  fs::path parent_;
  std::optional<AttemptFolders> folders_;
};

TEST_F(AttemptFoldersTest, AnUntouchedFolderServesTheNext) {
  const std::string first = take();
  EXPECT_EQ(fs::status(first).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(tmp_below(first)).permissions(), fs::perms::owner_all);
  const std::string beside = take();
  EXPECT_NE(first, beside);
  EXPECT_TRUE(folders_->give_back(first));
  EXPECT_EQ(take(), first);
  EXPECT_TRUE(folders_->give_back(first));
  EXPECT_TRUE(folders_->give_back(beside));
}

TEST_F(AttemptFoldersTest, KeepsAsManyAsItMay) {
  const std::vector<std::string> taken = {take(), take(), take()};
  for (const std::string& path : taken) {
    EXPECT_TRUE(folders_->give_back(path));
  }
  EXPECT_TRUE(fs::exists(taken[1]));
  EXPECT_FALSE(fs::exists(taken[2]));
}

TEST_F(AttemptFoldersTest, WhatIsInItIsTheCallersToRemove) {
  const std::string path = take();
  std::ofstream(path + "/left") << "x";
  EXPECT_FALSE(folders_->give_back(path));
  EXPECT_TRUE(fs::exists(path + "/left"));
  EXPECT_NE(take(), path);
  EXPECT_TRUE(remove_folder(path));
  EXPECT_TRUE(folders_->give_back(parent_ / "slot-2"));
}

// Whatever a job did to its folder, the next one gets another.
class AttemptFoldersTouchTest : public AttemptFoldersTest,
                                public ::testing::WithParamInterface<int> {
 public:
  static const std::vector<std::pair<std::string, std::function<void(const std::string&)>>>&
  touches() {
    static const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> all{
        {"made and removed a file",
         [](const std::string& path) {
           std::ofstream(path + "/file") << "x";
           fs::remove(path + "/file");
         }},
        {"made a temporary file",
         [](const std::string& path) { std::ofstream(tmp_below(path) + "/file") << "x"; }},
        {"changed its rights",
         [](const std::string& path) { fs::permissions(path, fs::perms::all); }},
        {"changed the rights of .tmp",
         [](const std::string& path) { fs::permissions(tmp_below(path), fs::perms::all); }},
        {"removed .tmp", [](const std::string& path) { fs::remove(tmp_below(path)); }},
        {"made .tmp a link",
         [](const std::string& path) {
           fs::remove(tmp_below(path));
           fs::create_symlink("/", tmp_below(path));
         }},
        {"put another in its place",
         [](const std::string& path) {
           fs::rename(path, path + "-moved");
           fs::create_directories(tmp_below(path));
           fs::remove_all(path + "-moved");
         }},
        {"removed it", [](const std::string& path) { fs::remove_all(path); }},
    };
    return all;
  }
};

TEST_P(AttemptFoldersTouchTest, ATouchedFolderIsNotUsedAgain) {
  const auto& [what, touch] = touches().at(static_cast<std::size_t>(GetParam()));
  const std::string path = take();
  // Not within the tick in which it was made: then only what is left in it is seen.
  const std::string later = parent_ / "later";
  struct stat made {};
  struct stat now {};
  ASSERT_EQ(lstat(tmp_below(path).c_str(), &made), 0);
  do {
    std::ofstream(later) << "x";
    ASSERT_EQ(stat(later.c_str(), &now), 0);
  } while (now.st_ctim.tv_sec == made.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == made.st_ctim.tv_nsec);
  fs::remove(later);

  touch(path);
  if (!folders_->give_back(path)) {
    EXPECT_TRUE(remove_folder(path));
  }
  EXPECT_FALSE(fs::exists(fs::symlink_status(path))) << what;
  const std::string next = take();
  EXPECT_NE(next, path) << what;
  EXPECT_TRUE(folders_->give_back(next));
}

INSTANTIATE_TEST_SUITE_P(
    Touches, AttemptFoldersTouchTest,
    ::testing::Range(0, static_cast<int>(AttemptFoldersTouchTest::touches().size())));

}  // namespace
}  // namespace hearth::agent
