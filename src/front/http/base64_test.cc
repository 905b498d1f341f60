#include "front/http/base64.h"

#include <gtest/gtest.h>

namespace hearth::front {
namespace {

TEST(Base64Test, PadsAndKeepsEveryByte) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64(std::string_view("\xff\x00\xfe", 3)), "/wD+");
}

}  // namespace
}  // namespace hearth::front
