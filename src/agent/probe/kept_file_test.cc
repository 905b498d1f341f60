#include "agent/probe/kept_file.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

class KeptFileTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) {
    std::ofstream(dir_.file(name), std::ios::trunc) << text;
  }

  hearth::testing::TempDir dir_;
  std::array<char, 64> buffer_{};
};

TEST_F(KeptFileTest, SeesEachNewContent) {
  DescriptorBudget budget(1);
  put("a", "1\n");
  KeptFile file(budget, dir_.file("a"));
  EXPECT_EQ(file.read(buffer_), "1\n");
  EXPECT_EQ(budget.left(), 0);
  put("a", "22\n");
  EXPECT_EQ(file.read(buffer_), "22\n");
}

TEST_F(KeptFileTest, BeyondTheBudgetItIsOpenedForEachRead) {
  DescriptorBudget budget(1);
  put("a", "1\n");
  put("b", "2\n");
  {
    KeptFile first(budget, dir_.file("a"));
    KeptFile second(budget, dir_.file("b"));
    EXPECT_EQ(first.read(buffer_), "1\n");
    EXPECT_EQ(second.read(buffer_), "2\n");
    std::filesystem::remove(dir_.file("b"));
    EXPECT_EQ(second.read(buffer_), "");
    EXPECT_EQ(second.state(), FileState::Gone);
    std::filesystem::remove(dir_.file("a"));
    EXPECT_EQ(first.read(buffer_), "1\n") << "still open";
  }
  EXPECT_EQ(budget.left(), 1);
}

TEST_F(KeptFileTest, OneThatIsNotToBeKeptIsOpenedForEachRead) {
  DescriptorBudget budget(1);
  put("a", "1\n");
  KeptFile file(budget, dir_.file("a"), Keep::Path);
  EXPECT_EQ(file.read(buffer_), "1\n");
  EXPECT_EQ(budget.left(), 1);
  std::filesystem::remove(dir_.file("a"));
  put("a", "22\n");
  EXPECT_EQ(file.read(buffer_), "22\n") << "another file of that name";
  std::filesystem::remove(dir_.file("a"));
  EXPECT_EQ(file.read(buffer_), "");
  EXPECT_EQ(file.state(), FileState::Gone);
}

TEST_F(KeptFileTest, WhatWasNeverThereIsNotLookedForAgain) {
  DescriptorBudget budget(1);
  KeptFile file(budget, dir_.file("none"));
  EXPECT_EQ(file.read(buffer_), "");
  EXPECT_EQ(file.state(), FileState::Absent);
  put("none", "1\n");
  EXPECT_EQ(file.read(buffer_), "");
  KeptFile nowhere(budget, "");
  EXPECT_EQ(nowhere.state(), FileState::Absent);
}

TEST_F(KeptFileTest, ALongFileIsReadAsFarAsItFits) {
  DescriptorBudget budget(1);
  put("a", std::string(1'000, 'x'));
  KeptFile file(budget, dir_.file("a"));
  EXPECT_EQ(file.read(buffer_).size(), buffer_.size());
}

// The kernel hands some files out in pieces.
TEST_F(KeptFileTest, AFileOfManyRecordsIsReadToItsEnd) {
  DescriptorBudget budget(1);
  KeptFile file(budget, "/proc/kallsyms");
  std::vector<char> large(256 * 1024);
  const std::string_view text = file.read(large);
  if (file.state() != FileState::Read || text.empty()) {
    GTEST_SKIP() << "NOT RUN HERE: this kernel lists no symbols";
  }
  EXPECT_EQ(text.size(), large.size()) << "there are far more";
}

TEST_F(KeptFileTest, WhatCannotBeReadNowMayBeLater) {
  DescriptorBudget budget(1);
  std::filesystem::create_directory(dir_.file("folder"));
  KeptFile file(budget, dir_.file("folder"));
  EXPECT_EQ(file.read(buffer_), "");
  EXPECT_EQ(file.state(), FileState::Failed);
  EXPECT_NE(file.sys_errno(), 0);
}

}  // namespace
}  // namespace hearth::agent
