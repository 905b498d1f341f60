#include "agent/sandbox/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string>

namespace hearth::agent {
namespace {

constexpr std::uint32_t kBase = 0x7000'0000;

class ScratchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Scratch::create({.bytes = 1 << 20, .inodes = 200, .id_base = kBase});
    if (!made && made.error().code == ErrorCode::PermissionDenied) {
      GTEST_SKIP() << "NOT RUN HERE: " << made.error().message;
    }
    ASSERT_TRUE(made) << made.error().message;
    scratch_ = std::make_unique<Scratch>(std::move(*made));
    work_ = UniqueFd(openat(scratch_->fd(), "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(work_.valid());
  }
  struct stat stat_of(const char* path) {
    struct stat info {};
    EXPECT_EQ(fstatat(scratch_->fd(), path, &info, AT_SYMLINK_NOFOLLOW), 0) << path;
    return info;
  }
  std::string content(const std::string& path) {
    auto result = scratch_->open_result(path, 1'000);
    if (!result) {
      return std::string(to_string(result.error().code));
    }
    std::array<char, 1'000> bytes{};
    const ssize_t got = read(result->fd.get(), bytes.data(), bytes.size());
    EXPECT_EQ(got, result->bytes);
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

  std::unique_ptr<Scratch> scratch_;
  UniqueFd work_;
};

TEST_F(ScratchTest, ItsFoldersAreTheTasksAndItsRootIsNot) {
  EXPECT_EQ(stat_of("work").st_uid, kBase + 1000);
  EXPECT_EQ(stat_of("work").st_gid, kBase + 1000);
  EXPECT_EQ(stat_of("work").st_mode & 07777U, 0755U);
  EXPECT_EQ(stat_of("tmp").st_mode & 07777U, 01777U);
  EXPECT_EQ(stat_of("shm").st_mode & 07777U, 01777U);
  EXPECT_EQ(stat_of(".").st_uid, kBase);
}

TEST_F(ScratchTest, WrittenFilesAreTheTasks) {
  ASSERT_TRUE(scratch_->write_file("main.js", "1"));
  ASSERT_TRUE(scratch_->write_file("src/deep/tool.sh", "two", 0755));
  EXPECT_EQ(content("main.js"), "1");
  EXPECT_EQ(content("src/deep/tool.sh"), "two");
  EXPECT_EQ(stat_of("work/src/deep").st_uid, kBase + 1000);
  EXPECT_EQ(stat_of("work/src/deep/tool.sh").st_uid, kBase + 1000);
  EXPECT_EQ(stat_of("work/src/deep/tool.sh").st_mode & 07777U, 0755U);
  ASSERT_TRUE(scratch_->write_file("set-uid", "", 06755));
  EXPECT_EQ(stat_of("work/set-uid").st_mode & 07777U, 0755U);
}

TEST_F(ScratchTest, WritesStayStrictlyBelowWork) {
  for (const char* path :
       {"", "/etc/passwd", "../tmp/x", "a/../../x", ".", "..", "a//b", "a/", "./a"}) {
    const auto refused = scratch_->write_file(path, "x");
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument) << path;
  }
  EXPECT_FALSE(scratch_->write_file(std::string("a\0b", 3), "x"));
  ASSERT_EQ(symlinkat("/tmp", work_.get(), "out"), 0);
  EXPECT_EQ(scratch_->write_file("out/x", "x").error().code, ErrorCode::FailedPrecondition);
  ASSERT_EQ(symlinkat("/tmp/target", work_.get(), "link"), 0);
  EXPECT_EQ(scratch_->write_file("link", "x").error().code, ErrorCode::AlreadyExists);
  ASSERT_TRUE(scratch_->write_file("once", "x"));
  EXPECT_EQ(scratch_->write_file("once", "y").error().code, ErrorCode::AlreadyExists);
}

TEST_F(ScratchTest, AFullScratchIsSaid) {
  const auto refused = scratch_->write_file("big", std::string(2 << 20, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  const auto usage = scratch_->usage();
  ASSERT_TRUE(usage);
  EXPECT_TRUE(usage->is_full());
  EXPECT_EQ(usage->bytes_max, 1 << 20);
  EXPECT_EQ(usage->inodes_max, 200);
}

TEST_F(ScratchTest, ResultsAreOnlyPlainFilesOfTheTask) {
  ASSERT_TRUE(scratch_->write_file("good", "result"));
  EXPECT_EQ(content("good"), "result");
  EXPECT_EQ(content("missing"), "not_found");
  ASSERT_EQ(symlinkat("/etc/passwd", work_.get(), "passwd"), 0);
  EXPECT_EQ(content("passwd"), "failed_precondition");
  ASSERT_EQ(symlinkat("good", work_.get(), "near"), 0);
  EXPECT_EQ(content("near"), "failed_precondition");
  ASSERT_EQ(symlinkat("/etc", work_.get(), "etc"), 0);
  EXPECT_EQ(content("etc/passwd"), "failed_precondition");
  ASSERT_EQ(symlinkat("/proc/self/root", work_.get(), "root"), 0);
  EXPECT_EQ(content("root/etc/passwd"), "failed_precondition");
  ASSERT_EQ(mkdirat(work_.get(), "folder", 0755), 0);
  EXPECT_EQ(content("folder"), "failed_precondition");
  ASSERT_EQ(mkfifoat(work_.get(), "fifo", 0644), 0);
  EXPECT_EQ(content("fifo"), "failed_precondition") << "and does not wait for a writer";
  ASSERT_EQ(linkat(work_.get(), "good", work_.get(), "twin", 0), 0);
  EXPECT_EQ(content("good"), "failed_precondition");
  for (const char* path : {"", "..", "../shm/x", "/etc/passwd", "folder/../good"}) {
    EXPECT_EQ(content(path), "invalid_argument") << path;
  }
}

TEST_F(ScratchTest, ResultsAreBounded) {
  ASSERT_TRUE(scratch_->write_file("file", std::string(1'001, 'x')));
  EXPECT_EQ(content("file"), "resource_exhausted");
  const UniqueFd sparse(openat(work_.get(), "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(ftruncate(sparse.get(), 1LL << 40), 0);
  EXPECT_EQ(content("sparse"), "resource_exhausted");
}

TEST(ScratchOptionsTest, BoundsAreNamed) {
  EXPECT_EQ(Scratch::create({.bytes = 0}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(Scratch::create({.bytes = -1}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(Scratch::create({.inodes = 1}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(Scratch::create({.bytes = limits::kScratchBytesMax + 1}).error().limit,
            "kScratchBytesMax");
  EXPECT_EQ(Scratch::create({.inodes = limits::kScratchInodesMax + 1}).error().limit,
            "kScratchInodesMax");
}

}  // namespace
}  // namespace hearth::agent
