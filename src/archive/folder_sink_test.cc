// Unpacking into folders that are not what they seem.
#include "archive/folder_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "archive/testing/judge.h"
#include "archive/testing/tar_builder.h"
#include "archive/testing/zip_builder.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"

namespace hearth::archive {
namespace {

using testing::build_tar;
using testing::build_zip;
using testing::folder;
using testing::program;
using testing::text;
using testing::tree_of;

// A folder `in` to unpack into, and one beside it that must stay as it is.
class FolderSinkTest : public ::testing::Test {
 protected:
  FolderSinkTest() {
    std::filesystem::create_directories(dir_.file("in"));
    std::filesystem::create_directories(dir_.file("out"));
    EXPECT_TRUE(write_file_atomically(dir_.file("out/precious"), "mine"));
  }

  Result<ArchiveSummary> extract(std::string_view archive) {
    const UniqueFd target(::open(dir_.file("in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd file = testing::file_of(archive);
    return extract_archive(file.get(), target.get());
  }

  std::string error_of(std::string_view archive) {
    const Result<ArchiveSummary> verdict = extract(archive);
    EXPECT_EQ(tree_of(dir_.file("out")), (testing::Tree{{"precious", text("mine")}}));
    return verdict ? "" : verdict.error().message;
  }

  mode_t mode_of(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::lstat(dir_.file("in/" + name).c_str(), &status), 0) << name;
    return status.st_mode & 07777U;
  }

  [[nodiscard]] std::string in(const std::string& name) const { return dir_.file("in/" + name); }

  const hearth::testing::TempDir dir_;
};

TEST_F(FolderSinkTest, ModesAreThoseOfTwoKindsWhateverTheUmask) {
  const mode_t before = ::umask(077);
  const Result<ArchiveSummary> verdict =
      extract(build_tar({{.name = "d/plain", .contents = "", .mode = 0400},
                         {.name = "d/open", .contents = "", .mode = 0666},
                         {.name = "d/run", .contents = "", .mode = 0001},
                         {.name = "closed", .contents = "", .type = '5', .mode = 0}}));
  ::umask(before);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(mode_of("d/plain"), 0644U);
  EXPECT_EQ(mode_of("d/open"), 0644U);
  EXPECT_EQ(mode_of("d/run"), 0755U);
  EXPECT_EQ(mode_of("d"), 0755U);
  EXPECT_EQ(mode_of("closed"), 0755U);
}

TEST_F(FolderSinkTest, ALinkThatIsThereIsNotFollowed) {
  std::filesystem::create_directory_symlink("../out", in("link"));
  EXPECT_NE(error_of(build_tar({{.name = "link/precious", .contents = "x"}})).find("\"link\""),
            std::string::npos);
  EXPECT_NE(error_of(build_tar({{.name = "link/new", .contents = "x"}})), "");
  EXPECT_NE(error_of(build_tar({testing::tar_directory("link/new/")})), "");
  EXPECT_NE(error_of(build_tar({testing::tar_directory("link")})), "");
  EXPECT_NE(error_of(build_tar({{.name = "link", .contents = "x"}})), "");
  std::filesystem::create_symlink("../out/new", in("dangling"));
  EXPECT_NE(error_of(build_tar({{.name = "dangling", .contents = "x"}})), "");
  std::filesystem::create_symlink(dir_.file("out/precious"), in("absolute"));
  EXPECT_NE(error_of(build_zip({{.name = "absolute", .contents = "x"}})), "");
}

TEST_F(FolderSinkTest, NothingThatIsThereIsOverwritten) {
  ASSERT_TRUE(write_file_atomically(in("a"), "before", 0600));
  EXPECT_NE(error_of(build_zip({{.name = "a", .contents = "x"}})).find("\"a\": File exists"),
            std::string::npos);
  EXPECT_EQ(tree_of(dir_.file("in")), (testing::Tree{{"a", text("before")}}));
  EXPECT_NE(error_of(build_zip({{.name = "a/b", .contents = "x"}})), "");
  EXPECT_NE(error_of(build_zip({testing::zip_directory("a/")})), "");
  ASSERT_EQ(::mkfifo(in("pipe").c_str(), 0600), 0);
  EXPECT_NE(error_of(build_zip({{.name = "pipe", .contents = "x"}})), "");
}

TEST_F(FolderSinkTest, DirectoriesThatAreThereAreUsedAsTheyAre) {
  ASSERT_TRUE(make_directories(in("d/e"), 0700));
  EXPECT_EQ(error_of(build_zip({testing::zip_directory("d/"),
                                {.name = "d/e/run", .contents = "x", .mode = 0100755}})),
            "");
  EXPECT_EQ(mode_of("d"), 0700U);
  EXPECT_EQ(tree_of(dir_.file("in")),
            (testing::Tree{{"d", folder()}, {"d/e", folder()}, {"d/e/run", program("x")}}));
}

TEST_F(FolderSinkTest, ABadEntryOfAZipKeepsAllFromBeingWritten) {
  EXPECT_NE(error_of(build_zip(
                {{.name = "good", .contents = "x"}, {.name = "../out/precious", .contents = "x"}})),
            "");
  EXPECT_EQ(tree_of(dir_.file("in")), testing::Tree{});
}

TEST_F(FolderSinkTest, AFullDiskIsToldAsOne) {
  // What a process may write at most stands for it.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  const std::string archive =
      build_tar({{.name = "small", .contents = "x"},
                 {.name = "large", .contents = std::string((1 << 20) + 1, 'x')}});
  const UniqueFd target(::open(dir_.file("in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd file = testing::file_of(archive);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<ArchiveSummary> verdict = extract_archive(file.get(), target.get());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(verdict.error().kind, "");
  EXPECT_NE(verdict.error().message.find("write \"large\": File too large"), std::string::npos);
}

TEST_F(FolderSinkTest, AFolderThatIsNoneIsAnError) {
  const UniqueFd file = testing::file_of(build_zip({{.name = "a/b", .contents = "x"}}));
  const Result<ArchiveSummary> verdict = extract_archive(file.get(), -1);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().kind, "");
}

}  // namespace
}  // namespace hearth::archive
