#include "model/relative_path.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth {
namespace {

TEST(RelativePathTest, LeadsBelow) {
  for (const char* path : {"a", "a/b", "out/report.json", ".hidden", "..a", "a..", "...", "a b",
                           "gr\xc3\xbc\xc3\x9f", "-x", "*"}) {
    EXPECT_TRUE(is_path_below(path)) << path;
  }
}

TEST(RelativePathTest, NowhereElse) {
  for (const char* path : {"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "../a", "a/..",
                           "a/../b", "a\nb", "\x7f", "a/\x1b[0m"}) {
    EXPECT_FALSE(is_path_below(path)) << path;
  }
  EXPECT_FALSE(is_path_below(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace hearth
