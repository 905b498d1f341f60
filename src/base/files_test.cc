#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/testing/temp_dir.h"

namespace hearth {
namespace {

int entries(const std::string& directory) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

TEST(FilesTest, AtomicWriteReplacesTheWholeFileAndLeavesNothingElse) {
  const testing::TempDir dir;
  const std::string path = dir.file("state");
  ASSERT_TRUE(write_file_atomically(path, "a longer first content"));
  ASSERT_TRUE(write_file_atomically(path, std::string_view("b\0c", 3)));
  EXPECT_EQ(read_file(path, 100).value(), std::string("b\0c", 3));
  EXPECT_EQ(entries(dir.path()), 1);
}

TEST(FilesTest, AtomicWriteSetsTheMode) {
  const testing::TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("secret"), "x", 0600));
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(FilesTest, FailedAtomicWriteKeepsTheOldFile) {
  const testing::TempDir dir;
  // A directory in the place of the target: the rename fails after the new bytes were written.
  ASSERT_TRUE(make_directories(dir.file("target/inside")));
  const Result<> written = write_file_atomically(dir.file("target"), "x");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("rename"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_directory(dir.file("target/inside")));
  EXPECT_EQ(entries(dir.path()), 1);
}

TEST(FilesTest, ReadSaysWhatIsMissing) {
  const testing::TempDir dir;
  const Result<std::string> content = read_file(dir.file("none"), 100);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::NotFound);
  EXPECT_NE(content.error().message.find(dir.file("none")), std::string::npos);
}

TEST(FilesTest, ReadHoldsItsLimit) {
  const testing::TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("f"), std::string(100'000, 'x')));
  EXPECT_EQ(read_file(dir.file("f"), 100'000).value().size(), 100'000U);
  const Result<std::string> content = read_file(dir.file("f"), 99'999);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(content.error().limit_value, 99'999);
}

TEST(FilesTest, MakesMissingParentsAndAcceptsWhatIsThere) {
  const testing::TempDir dir;
  EXPECT_TRUE(make_directories(dir.file("a/b/c")));
  EXPECT_TRUE(make_directories(dir.file("a/b/c")));
  EXPECT_TRUE(std::filesystem::is_directory(dir.file("a/b/c")));
}

TEST(FilesTest, AFileInTheWayOfADirectoryIsAnError) {
  const testing::TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("f"), ""));
  EXPECT_FALSE(make_directories(dir.file("f")));
  EXPECT_FALSE(make_directories(dir.file("f/g")));
  EXPECT_FALSE(make_directories(""));
}

TEST(FilesTest, LockIsExclusiveNamesItsHolderAndEndsWithIt) {
  const testing::TempDir dir;
  const std::string path = dir.file("lock");
  {
    const Result<FileLock> first = FileLock::acquire(path);
    ASSERT_TRUE(first);
    const Result<FileLock> second = FileLock::acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::FailedPrecondition);
    EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())),
              std::string::npos);
  }
  EXPECT_TRUE(FileLock::acquire(path));
}

TEST(FilesTest, WriteAllReportsABrokenTarget) {
  const Result<> written = write_all(-1, "x", "the spool");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("write the spool"), std::string::npos);
}

}  // namespace
}  // namespace hearth
