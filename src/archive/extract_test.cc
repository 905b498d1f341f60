// Unpacking as hearth-launcher's child does: in a static program, without rights, in little memory.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/shell.h"
#include "archive/testing/tar_builder.h"
#include "archive/testing/zip_builder.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"

namespace hearth::archive {
namespace {

using testing::build_zip;
using testing::shell;
using testing::text;

constexpr const char* kUnpack = HEARTH_UNPACK_PROGRAM;

class StaticExtractTest : public ::testing::Test {
 protected:
  testing::ShellResult unpack(std::string_view archive, const std::string& user = "") {
    std::ofstream(dir_.file("archive"), std::ios::binary) << archive;
    EXPECT_TRUE(make_directories(dir_.file("in")));
    return shell(std::string(kUnpack) + " " + dir_.file("archive") + " " + dir_.file("in") + " " +
                 user);
  }

  const hearth::testing::TempDir dir_;
};

TEST_F(StaticExtractTest, UnpacksWhateverTheUmask) {
  const testing::ShellResult ran =
      unpack(build_zip({{.name = "d/run", .contents = "#!", .mode = 0100755},
                        {.name = "b", .contents = "text", .method = zip::kDeflated}}));
  ASSERT_EQ(ran.status, 0) << ran.output;
  EXPECT_TRUE(ran.output.starts_with("2 1 6\n")) << ran.output;
  EXPECT_EQ(testing::tree_of(dir_.file("in")),
            (testing::Tree{
                {"d", testing::folder()}, {"d/run", testing::program("#!")}, {"b", text("text")}}));
  struct stat status {};
  ASSERT_EQ(::stat(dir_.file("in/d").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
}

TEST_F(StaticExtractTest, SaysWhyNot) {
  const testing::ShellResult ran = unpack(build_zip({{.name = "../x", .contents = ""}}));
  EXPECT_NE(ran.status, 0);
  EXPECT_EQ(ran.output,
            "the archive is refused: entry \"../x\": \"..\" would lead out of the folder\n");
}

TEST_F(StaticExtractTest, NeedsNoRights) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can become somebody else";
  }
  ASSERT_TRUE(make_directories(dir_.file("in")));
  ASSERT_EQ(::chown(dir_.file("in").c_str(), 65'534, 65'534), 0);
  ASSERT_EQ(::chmod(dir_.file("in").c_str(), 0755), 0);
  const testing::ShellResult ran =
      unpack(testing::gzipped(testing::build_tar({{.name = "d/a", .contents = "1"}})), "65534");
  ASSERT_EQ(ran.status, 0) << ran.output;
  struct stat status {};
  ASSERT_EQ(::stat(dir_.file("in/d/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65'534U);
}

TEST_F(StaticExtractTest, MemoryDoesNotGrowWithTheArchive) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's memory is counted too";
#endif
  std::string noise(std::size_t{32} << 20U, '\0');
  std::uint64_t state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>(state >> 56U);
  }
  for (const std::string& archive :
       {build_zip({{.name = "noise", .contents = noise, .method = zip::kDeflated}}),
        testing::zstd_packed(testing::build_tar({{.name = "noise", .contents = noise}}), 23)}) {
    const testing::ShellResult ran = unpack(archive);
    ASSERT_EQ(ran.status, 0) << ran.output;
    const std::string last = ran.output.substr(ran.output.find('\n') + 1);
    EXPECT_LT(std::stol(last), 24 << 10) << "KiB";
    ASSERT_EQ(::unlink(dir_.file("in/noise").c_str()), 0);
  }
}

}  // namespace
}  // namespace hearth::archive
