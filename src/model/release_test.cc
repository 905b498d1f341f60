#include "model/release.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(ReleaseTest, ReadsThreeNumbersAndNothingElse) {
  EXPECT_EQ(parse_release("1.20.3"), (Release{.major = 1, .minor = 20, .patch = 3}));
  EXPECT_EQ(parse_release("0.1.0-rc1+abc"), (Release{.major = 0, .minor = 1, .patch = 0}));
  for (const char* text : {"", "1", "1.2", "1.2.", "1.2.3.4", "1.2.x", "v1.2.3", "-1.2.3", "1.-2.3",
                           "1.2.99999999999999999999"}) {
    EXPECT_FALSE(parse_release(text)) << text;
  }
}

TEST(ReleaseTest, OneMinorApartWorksTogether) {
  for (const char* agent : {"1.3.0", "1.4.9", "1.5.0", "1.4.0-rc1"}) {
    EXPECT_TRUE(check_link_releases("1.4.2", agent)) << agent;
  }
  EXPECT_TRUE(check_link_releases("0.1.0", "0.0.7"));
}

TEST(ReleaseTest, WhatIsFurtherApartIsRefusedWithWhatToDo) {
  const auto advice = [](const char* agent) {
    const Result<> checked = check_link_releases("1.4.2", agent);
    EXPECT_FALSE(checked) << agent;
    EXPECT_EQ(checked.error().code, ErrorCode::FailedPrecondition);
    EXPECT_NE(checked.error().message.find(agent), std::string::npos);
    EXPECT_NE(checked.error().message.find("1.4.2"), std::string::npos);
    const std::string& message = checked.error().message;
    return message.substr(message.rfind(": ") + 2);
  };
  EXPECT_EQ(advice("1.2.9"), "upgrade the agent");
  EXPECT_EQ(advice("0.4.2"), "upgrade the agent");
  EXPECT_EQ(advice("1.6.0"), "upgrade the controller");
  EXPECT_EQ(advice("2.4.2"), "upgrade the controller");
  EXPECT_EQ(advice("nightly"), "install released versions at both ends");
  EXPECT_FALSE(check_link_releases("1.4.2", ""));
}

}  // namespace
}  // namespace hearth
