#include "archive/path_rules.h"

#include <gtest/gtest.h>

namespace hearth::archive {
namespace {

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) {
    out += text;
  }
  return out;
}

TEST(PathRulesTest, PlainPathsAreFine) {
  for (const char* path :
       {"a", "a/b.c", ".env", "..a", "a..", "...", "a b/c d", "src/ü/中/😀.txt", "node_modules/@x/y",
        "ab:c", "ab:/c", "a/b:c", "-rf", "~", "$HOME", "con", "a."}) {
    EXPECT_TRUE(check_path(path, {})) << path;
  }
}

struct Refused {
  std::string path;
  std::string why;
};

TEST(PathRulesTest, EverythingElseIsRefusedWithItsReason) {
  const std::vector<Refused> all = {
      {"", "the name is empty"},
      {"/etc/passwd", "absolute"},
      {"//host/share", "absolute"},
      {"..", "would lead out"},
      {"../a", "would lead out"},
      {"a/../../b", "would lead out"},
      {"a/..", "would lead out"},
      {".", "\".\" is no name"},
      {"./a", "\".\" is no name"},
      {"a/./b", "\".\" is no name"},
      {"a//b", "is empty"},
      {"a/", "is empty"},
      {"..\\a", "backslash"},
      {"a\\b", "backslash"},
      {"\\\\host\\share", "backslash"},
      {"C:", "drive"},
      {"c:/a", "drive"},
      {"c:a", "drive"},
      {"a:b/c", "drive"},
      {std::string("a\0b", 3), "zero byte"},
      {"a\nb", "control character"},
      {"a\x1b[2J", "control character"},
      {"a\x7f", "control character"},
      {"a\u0085", "control character"},
      {"a\u202e"
       "gpj.exe",
       "control character"},
      {"a\u2067", "control character"},
      {"a\xff", "not UTF-8"},
      {"a\xc0\xaf"
       "b",
       "not UTF-8"},
      {"a\xed\xa0\x80", "not UTF-8"},
  };
  for (const Refused& refused : all) {
    const Result<> verdict = check_path(refused.path, {});
    ASSERT_FALSE(verdict) << refused.path;
    EXPECT_NE(verdict.error().message.find(refused.why), std::string::npos)
        << refused.path << ": " << verdict.error().message;
    EXPECT_EQ(verdict.error().kind, kArchiveRefused);
  }
}

TEST(PathRulesTest, LengthsAndDepthHaveTheirLimits) {
  const auto limit_of = [](const std::string& path) {
    const Result<> verdict = check_path(path, {});
    return verdict ? "" : verdict.error().limit + " " + std::to_string(verdict.error().limit_value);
  };
  EXPECT_EQ(limit_of(std::string(255, 'a')), "");
  EXPECT_EQ(limit_of(std::string(256, 'a')), "archive_name_bytes_max 255");
  EXPECT_EQ(limit_of("a/" + std::string(256, 'a') + "/b"), "archive_name_bytes_max 255");
  const std::string name = std::string(127, 'a');
  EXPECT_EQ(limit_of(repeated(name + "/", 7) + name + "b"), "");  // 1,024
  EXPECT_EQ(limit_of(repeated(name + "/", 7) + name + "bc"), "archive_path_bytes_max 1024");
  EXPECT_EQ(limit_of(repeated("a/", 31) + "a"), "");
  EXPECT_EQ(limit_of(repeated("a/", 32) + "a"), "archive_depth_max 32");
}

TEST(PathRulesTest, SpecialBitsAreRefused) {
  for (const std::uint32_t mode : {0U, 0644U, 0777U, 0100755U, 0040755U}) {
    EXPECT_TRUE(check_mode(mode)) << mode;
  }
  for (const std::uint32_t mode : {04755U, 02755U, 01777U, 0107777U}) {
    EXPECT_FALSE(check_mode(mode)) << mode;
  }
  EXPECT_TRUE(is_executable(0100U));
  EXPECT_TRUE(is_executable(0001U));
  EXPECT_FALSE(is_executable(0666U));
}

}  // namespace
}  // namespace hearth::archive
