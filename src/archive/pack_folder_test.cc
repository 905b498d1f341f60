#include "archive/pack_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "archive/archive.h"
#include "base/testing/temp_dir.h"
#include "base/unique_fd.h"

namespace hearth::archive {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string bytes_of(const UniqueFd& file) {
  struct stat status {};
  EXPECT_EQ(::fstat(file.get(), &status), 0);
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), status.st_size);
  return bytes;
}

class PackFolderTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(in_); }

  void write(const std::string& path, const std::string& content) {
    fs::create_directories((in_ / path).parent_path());
    std::ofstream(in_ / path, std::ios::binary) << content;
  }
  Result<ArchiveSummary> pack(const ArchiveLimits& limits = {}) {
    out_ = UniqueFd(::memfd_create("packed", MFD_CLOEXEC));
    return pack_folder(in_, out_.get(), limits);
  }

  hearth::testing::TempDir folder_;
  const fs::path in_ = folder_.file("in");
  UniqueFd out_;
};

TEST_F(PackFolderTest, UnpacksToWhatItWas) {
  write("run.sh", "#!/bin/sh\necho hi\n");
  fs::permissions(in_ / "run.sh", fs::perms::owner_all);
  write("src/deep/er/main.c", std::string(300'000, 'm'));
  write("gr\xc3\xbc\xc3\x9f/" + std::string(200, 'n'), "long");
  fs::create_directory(in_ / "empty");
  const Result<ArchiveSummary> packed = pack();
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(packed->format, ArchiveFormat::TarZstd);
  EXPECT_EQ(packed->files, 3);
  const fs::path out = folder_.file("out");
  fs::create_directory(out);
  const UniqueFd out_dir(::open(out.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(extract_archive(out_.get(), out_dir.get()));
  EXPECT_EQ(content_of(out / "run.sh"), "#!/bin/sh\necho hi\n");
  EXPECT_EQ(fs::status(out / "run.sh").permissions() & fs::perms::owner_exec,
            fs::perms::owner_exec);
  EXPECT_EQ(content_of(out / "src/deep/er/main.c"), std::string(300'000, 'm'));
  EXPECT_EQ(content_of(out / ("gr\xc3\xbc\xc3\x9f/" + std::string(200, 'n'))), "long");
  EXPECT_TRUE(fs::is_directory(out / "empty"));
}

TEST_F(PackFolderTest, TheSameFilesGiveTheSameBytes) {
  write("b", "b");
  write("a/x", std::string(1'000'000, 'x'));
  ASSERT_TRUE(pack());
  const std::string first = bytes_of(out_);
  fs::remove_all(in_);
  fs::create_directory(in_);
  write("a/x", std::string(1'000'000, 'x'));
  write("b", "b");
  fs::last_write_time(in_ / "b", fs::file_time_type::clock::now() - std::chrono::hours(100));
  ASSERT_TRUE(pack());
  EXPECT_EQ(bytes_of(out_), first);
}

TEST_F(PackFolderTest, WhatGitKeepsStaysOut) {
  write(".git/config", "secret");
  write("sub/.git", "gitdir: elsewhere");
  write(".gitignore", "kept");
  write("sub/file", "kept");
  ASSERT_TRUE(pack());
  EXPECT_EQ(pack()->files, 2);
}

TEST_F(PackFolderTest, NamesWhatItCannotTake) {
  write("sub/file", "x");
  fs::create_symlink("file", in_ / "sub/link");
  const Error link = pack().error();
  EXPECT_EQ(link.kind, kArchiveRefused);
  EXPECT_NE(link.message.find("\"sub/link\""), std::string::npos) << link.message;
  EXPECT_NE(link.message.find("is a symbolic link"), std::string::npos) << link.message;
  fs::remove(in_ / "sub/link");
  ASSERT_EQ(::mkfifo((in_ / "sub/pipe").c_str(), 0600), 0);
  EXPECT_NE(pack().error().message.find("is a named pipe"), std::string::npos);
  fs::remove(in_ / "sub/pipe");
  write("sub/back\\slash", "x");
  EXPECT_EQ(pack().error().kind, kArchiveRefused);
  fs::remove(in_ / "sub/back\\slash");
  write("sub/FILE", "differs from file by case only");
  EXPECT_EQ(pack().error().kind, kArchiveRefused);
}

TEST_F(PackFolderTest, Bounds) {
  write("a", std::string(100, 'a'));
  write("b", std::string(200, 'b'));
  EXPECT_EQ(pack({.entries_max = 1}).error().limit, "archive_entries_max");
  EXPECT_EQ(pack({.bytes_max = 299}).error().limit, "archive_bytes_max");
  EXPECT_EQ(pack({.file_bytes_max = 199}).error().limit, "archive_file_bytes_max");
  EXPECT_TRUE(pack({.entries_max = 2, .bytes_max = 300, .file_bytes_max = 200}));
}

// Zeros shrink by more than a bomb may.
TEST_F(PackFolderTest, HonestZerosGoAsTheyAre) {
  write("zeros", "");
  fs::resize_file(in_ / "zeros", 20'000'000);
  const Result<ArchiveSummary> packed = pack();
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(packed->format, ArchiveFormat::Tar);
  EXPECT_EQ(packed->bytes, 20'000'000);
}

TEST_F(PackFolderTest, NoFolderIsAClearError) {
  const Error error = pack_folder(folder_.file("none"), 1).error();
  EXPECT_NE(error.message.find(folder_.file("none")), std::string::npos);
  EXPECT_TRUE(error.kind.empty());
}

}  // namespace
}  // namespace hearth::archive
