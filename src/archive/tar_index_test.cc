#include "archive/tar_index.h"

#include <gtest/gtest.h>

#include "archive/tar_writer.h"

namespace hearth::archive {
namespace {

constexpr TarIndexLimits kLimits = {.files_max = 4, .header_bytes_max = 4'096};

std::string entry(const std::string& path, const std::string& bytes) {
  const TarEntry entry{.path = path, .bytes = std::ssize(bytes)};
  return tar_header(entry) + bytes + tar_padding(entry.bytes);
}

Result<TarIndex> index_of(const std::string& tar, TarIndexLimits limits = kLimits) {
  return read_tar_index(
      std::ssize(tar),
      [&tar](std::int64_t offset, std::int64_t bytes) -> Result<std::string> {
        EXPECT_GE(offset, 0);
        EXPECT_LE(bytes, kLimits.header_bytes_max);
        return tar.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
      },
      limits);
}

TEST(TarIndexTest, FindsWhatTheWriterWrote) {
  const std::string long_path = "d/" + std::string(300, 'n');
  const std::string tar = tar_comment("said") + entry("a", "hello") + entry("empty", "") +
                          entry(long_path, std::string(513, 'x')) + entry("z", "end") + tar_end();
  const Result<TarIndex> index = index_of(tar);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->comment, "said");
  ASSERT_EQ(index->files.size(), 4U);
  const std::vector<std::string> contents = {"hello", "", std::string(513, 'x'), "end"};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const TarFile& file = index->files[i];
    EXPECT_EQ(
        tar.substr(static_cast<std::size_t>(file.offset), static_cast<std::size_t>(file.bytes)),
        contents[i]);
  }
  EXPECT_EQ(index->files[2].path, long_path);
  EXPECT_EQ(index->files[3].path, "z");
}

TEST(TarIndexTest, RefusesEveryTarThatIsCutShort) {
  const std::string tar =
      tar_comment("said") + entry("a", "hello") + entry(std::string(150, 'n'), "x");
  for (std::size_t size = 0; size < tar.size(); ++size) {
    EXPECT_EQ(index_of(tar.substr(0, size)).error().code, ErrorCode::DataLoss) << size;
  }
  EXPECT_TRUE(index_of(tar + std::string(512, '\0')));
}

TEST(TarIndexTest, RefusesEveryHeaderWithAByteThatChanged) {
  const std::string tar = entry("a", "hello") + tar_end();
  for (std::size_t at = 0; at < 512; ++at) {
    std::string changed = tar;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const Result<TarIndex> index = index_of(changed);
    EXPECT_TRUE(!index || (at >= 148 && at < 156)) << at;
  }
}

TEST(TarIndexTest, RefusesWhatIsNoFile) {
  for (const TarEntry& strange : {TarEntry{.path = "d", .is_directory = true}}) {
    EXPECT_FALSE(index_of(tar_header(strange) + tar_end()));
  }
  EXPECT_FALSE(index_of(std::string(1'024, 'x')));
  EXPECT_FALSE(index_of(""));
}

TEST(TarIndexTest, RefusesWhatIsSaidTwiceOrInTheWrongPlace) {
  EXPECT_FALSE(index_of(tar_comment("one") + tar_comment("two") + tar_end()));
  EXPECT_FALSE(index_of(entry("a", "x") + tar_comment("late") + tar_end()));
  const std::string long_name =
      tar_header({.path = std::string(101, 'n')}).substr(0, std::size_t{2} * 512);
  EXPECT_TRUE(index_of(long_name + entry("a", "x") + tar_end()));
  EXPECT_FALSE(index_of(long_name + long_name + entry("a", "x") + tar_end()));
}

// The writer takes any text; what ends at a NUL would be another path to others.
TEST(TarIndexTest, RefusesAPathWithNul) {
  EXPECT_FALSE(index_of(entry(std::string(120, 'n') + '\0' + "x", "y") + tar_end()));
}

TEST(TarIndexTest, Bounds) {
  std::string tar;
  for (int i = 0; i < 4; ++i) {
    tar += entry(std::string(101, static_cast<char>('a' + i)), "x");
  }
  EXPECT_TRUE(index_of(tar + tar_end()));
  EXPECT_FALSE(index_of(tar + entry("one", "more") + tar_end()));
  EXPECT_FALSE(index_of(tar_comment(std::string(5'000, 'c')) + tar_end()));
  std::string comments;
  for (int i = 0; i < 6; ++i) {
    comments += tar_comment("c");
  }
  EXPECT_FALSE(index_of(comments + tar_end()));
}

TEST(TarIndexTest, PassesOnWhatTheReaderSays) {
  const auto broken = [](std::int64_t, std::int64_t) -> Result<std::string> {
    return unavailable("the disk is gone");
  };
  EXPECT_EQ(read_tar_index(10'240, broken, kLimits).error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace hearth::archive
