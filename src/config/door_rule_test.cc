#include "config/door_rule.h"

#include <gtest/gtest.h>

namespace hearth::config {
namespace {

// What comes of each combination: open to everybody, by token, or not at all.
std::string outcome(bool loopback, bool tls, AuthRule auth, bool insecure) {
  const auto open = decide_is_open({.address = "10.0.0.1:7070",
                                    .flag = "--http",
                                    .is_loopback = loopback,
                                    .has_tls = tls,
                                    .auth = auth,
                                    .may_be_insecure = insecure});
  return !open ? "refused" : *open ? "open" : "tokens";
}

TEST(DoorRuleTest, LoopbackIsOpenUnlessTokensAreRequired) {
  for (const bool tls : {false, true}) {
    for (const bool insecure : {false, true}) {
      EXPECT_EQ(outcome(true, tls, AuthRule::LoopbackOpen, insecure), "open");
      EXPECT_EQ(outcome(true, tls, AuthRule::Required, insecure), "tokens");
    }
  }
}

TEST(DoorRuleTest, BeyondLoopbackItTakesBothOrTheirWaiverByName) {
  EXPECT_EQ(outcome(false, false, AuthRule::LoopbackOpen, false), "refused");
  EXPECT_EQ(outcome(false, false, AuthRule::Required, false), "refused");
  EXPECT_EQ(outcome(false, true, AuthRule::LoopbackOpen, false), "tokens");
  EXPECT_EQ(outcome(false, true, AuthRule::Required, false), "tokens");
  EXPECT_EQ(outcome(false, false, AuthRule::LoopbackOpen, true), "open");
  EXPECT_EQ(outcome(false, false, AuthRule::Required, true), "tokens");
  EXPECT_EQ(outcome(false, true, AuthRule::Required, true), "tokens");
}

TEST(DoorRuleTest, ARefusalSaysWhereAndWhatToDo) {
  const auto refused = decide_is_open({.address = "0.0.0.0:7070",
                                       .flag = "--http",
                                       .is_loopback = false,
                                       .has_tls = false,
                                       .auth = AuthRule::Required,
                                       .may_be_insecure = false});
  ASSERT_FALSE(refused);
  for (const char* part : {"0.0.0.0:7070", "--http", "--tls-cert", "loopback",
                           "--insecure-listen-without-tls-and-tokens"}) {
    EXPECT_NE(refused.error().message.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(parse_auth_rule("required").value(), AuthRule::Required);
  EXPECT_FALSE(parse_auth_rule("off"));
}

}  // namespace
}  // namespace hearth::config
