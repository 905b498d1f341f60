// Which format an archive is taken for, and what is no archive.
#include "archive/walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/tar_builder.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::build_tar;
using testing::build_zip;
using testing::is_refused;
using testing::judge;

TEST(WalkTest, TheBytesTellTheFormat) {
  EXPECT_EQ(judge(build_zip({{.name = "a", .contents = "1"}}))->format, ArchiveFormat::Zip);
  EXPECT_EQ(judge(build_tar({{.name = "a", .contents = "1"}}))->format, ArchiveFormat::Tar);
  EXPECT_EQ(to_string(ArchiveFormat::Zip), "zip");
  EXPECT_EQ(to_string(ArchiveFormat::Tar), "tar");
  EXPECT_EQ(to_string(ArchiveFormat::TarGzip), "tar.gz");
  EXPECT_EQ(to_string(ArchiveFormat::TarZstd), "tar.zst");
}

TEST(WalkTest, NothingIsTwoFormatsAtOnce) {
  // A tar begins with a name, and the other formats with bytes that are in no name.
  for (const std::string& name :
       {std::string("PK\x03\x04"), std::string("\x1f\x8b\x08"), std::string("\x28\xb5\x2f\xfd")}) {
    EXPECT_TRUE(is_refused(build_tar({{.name = name, .contents = "1"}}), "entry \""));
  }
}

TEST(WalkTest, EverythingElseIsToldWhatIsTaken) {
  const auto unknown =
      "its format is not known: taken are ZIP, and tar as it is or packed with gzip or zstd";
  const std::string tar = build_tar({{.name = "a", .contents = "1"}});
  for (const std::string& bytes :
       {std::string(), std::string("x"), std::string("PK"), std::string("PK\x07\x08"),
        std::string("\x1f\x8b\x09more"), std::string("BZh91AY&SY"),
        std::string("\xfd"
                    "7zXZ\0",
                    6),
        std::string("7z\xbc\xaf\x27\x1c"), std::string("Rar!\x1a\x07"), std::string("#!/bin/sh\n"),
        std::string(10'240, '\0'), tar.substr(0, 511)}) {
    EXPECT_TRUE(is_refused(bytes, unknown)) << bytes.substr(0, 10);
  }
}

TEST(WalkTest, ThePositionOfTheDescriptorIsLeftAlone) {
  const UniqueFd file = testing::file_of(build_tar({{.name = "a", .contents = "1"}}));
  ASSERT_EQ(::lseek(file.get(), 17, SEEK_SET), 17);
  EXPECT_TRUE(check_archive(file.get()));
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 17);
}

TEST(WalkTest, WhatCannotBeReadIsNoFaultOfTheArchive) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const int fd : {reader.get(), folder.get(), -1}) {
    const Result<ArchiveSummary> verdict = check_archive(fd);
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().kind, "") << verdict.error().message;
    EXPECT_NE(verdict.error().sys_errno, 0);
  }
}

TEST(WalkTest, WhatIsNoRegularFileEndsWhereReadingEnds) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_NE(check_archive(null.get()).error().message.find("its format is not known"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::archive
