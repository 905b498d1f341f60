#include "archive/tar_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "base/testing/temp_dir.h"

namespace hearth::archive {
namespace {

// What tar(1) says of the archive; a complaint on stderr is part of it.
std::string listed_by_tar(const std::string& bytes) {
  const hearth::testing::TempDir folder;
  std::ofstream(folder.file("a.tar"), std::ios::binary) << bytes;
  const std::string command =
      "TZ=UTC tar --numeric-owner --full-time -tvf " + folder.file("a.tar") + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4'096> buffer{};
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), got);
  }
  EXPECT_EQ(pclose(pipe), 0) << text;
  return text;
}

std::string whole(const TarEntry& entry, const std::string& bytes) {
  return tar_header(entry) + bytes + tar_padding(entry.bytes);
}

TEST(TarWriterTest, TarReadsIt) {
  EXPECT_EQ(
      listed_by_tar(
          whole({.path = "a.txt", .bytes = 5, .modified_s = 1'000'000'000}, "hello") +
          whole({.path = "d", .is_directory = true}, "") +
          whole({.path = "d/run", .bytes = 512, .is_executable = true}, std::string(512, 'x')) +
          tar_end()),
      "-rw-r--r-- 0/0               5 2001-09-09 01:46:40 a.txt\n"
      "drwxr-xr-x 0/0               0 1970-01-01 00:00:00 d/\n"
      "-rwxr-xr-x 0/0             512 1970-01-01 00:00:00 d/run\n");
}

TEST(TarWriterTest, LongNamesTakeAHeaderOfTheirOwn) {
  for (const std::size_t length : {99U, 100U, 101U, 110U, 1'020U}) {
    const std::string path = "d/" + std::string(length - 2, 'n');
    const std::string text = listed_by_tar(whole({.path = path, .bytes = 1}, "x") + tar_end());
    EXPECT_TRUE(text.ends_with(" " + path + "\n")) << length << ": " << text;
  }
}

TEST(TarWriterTest, ToolsPassOverTheComment) {
  EXPECT_EQ(listed_by_tar(tar_comment(R"({"refused":[]})") + whole({.path = "a", .bytes = 0}, "") +
                          tar_end()),
            "-rw-r--r-- 0/0               0 1970-01-01 00:00:00 a\n");
}

TEST(TarWriterTest, SaysHowMuchAnEntryTakes) {
  const TarEntry entry{.path = std::string(200, 'n'), .bytes = 513};
  EXPECT_EQ(tar_size(entry), std::ssize(whole(entry, std::string(513, 'x'))));
  EXPECT_EQ(tar_size({.path = "a", .bytes = 0}), 512);
  EXPECT_EQ(tar_size({.path = "a", .bytes = 512}), 1'024);
}

// The length of a record counts its own digits, which may add one.
TEST(TarWriterTest, ARecordsLengthCountsItself) {
  for (std::size_t length = 80; length < 100; ++length) {
    const std::string bytes = tar_comment(std::string(length, 'c'));
    const std::string record = bytes.substr(512);
    const std::size_t said = std::stoul(record);
    EXPECT_EQ(record[said - 1], '\n') << length;
    EXPECT_EQ(record.find('\0'), said) << length;
  }
}

}  // namespace
}  // namespace hearth::archive
