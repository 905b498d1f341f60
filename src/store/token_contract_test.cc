#include <gtest/gtest.h>

#include "store/testing/harnesses.h"
#include "store/testing/store_contract.h"

namespace hearth::store::testing {
namespace {

class TokenContract : public StoreContract {
 protected:
  TokenContract() { open_tokens(); }

  void open_tokens() {
    tokens_.reset();
    auto tokens = store_->tokens();
    ASSERT_TRUE(tokens) << tokens.error().message;
    tokens_ = std::move(*tokens);
  }
  std::vector<auth::TokenRecord> load() {
    auto rows = tokens_->load();
    EXPECT_TRUE(rows) << rows.error().message;
    return rows.value_or(std::vector<auth::TokenRecord>{});
  }
  static auth::TokenRecord token(const std::string& id) {
    auth::TokenRecord token{.id = auth::TokenId(id),
                            .kind = auth::TokenKind::Join,
                            .name = "the name",
                            .scopes = {auth::Scope::Read, auth::Scope::Admin},
                            .agent = "a1",
                            .parent = auth::TokenId("c0"),
                            .created_at = time_from_ms(1'700'000'000'000),
                            .expires_at = time_from_ms(1'800'000'000'000),
                            .revoked_at = time_from_ms(1'750'000'000'000),
                            .uses_max = 3,
                            .uses = 2};
    for (std::size_t i = 0; i < token.hash.size(); ++i) {
      token.hash.at(i) = static_cast<std::uint8_t>(i * 37);
    }
    return token;
  }

  std::unique_ptr<TokenStore> tokens_;
};

INSTANTIATE_TEST_SUITE_P(Stores, TokenContract, ::testing::ValuesIn(harnesses()), harness_name);

TEST_P(TokenContract, StartsWithoutTokens) {
  EXPECT_TRUE(load().empty());
}

TEST_P(TokenContract, KeepsEveryFieldAcrossARestart) {
  auth::TokenRecord bare;
  bare.id = auth::TokenId("c2");
  ASSERT_EQ(tokens_->write({.put = {token("c1"), bare}}).status, AppendStatus::Durable);
  reopen();
  open_tokens();
  EXPECT_EQ(load(), (std::vector{token("c1"), bare}));
}

TEST_P(TokenContract, PutsOverAndErases) {
  ASSERT_EQ(tokens_->write({.put = {token("c1"), token("c2")}}).status, AppendStatus::Durable);
  auth::TokenRecord used = token("c1");
  ++used.uses;
  ASSERT_EQ(
      tokens_->write({.put = {used}, .erase = {auth::TokenId("c2"), auth::TokenId("c9")}}).status,
      AppendStatus::Durable);
  EXPECT_EQ(load(), std::vector{used});
}

TEST_P(TokenContract, AFullDiskRefusesAndLeavesEverythingAsItWas) {
  ASSERT_EQ(tokens_->write({.put = {token("c1")}}).status, AppendStatus::Durable);
  harness_->set_full(true);
  const AppendOutcome outcome = tokens_->write({.put = {token("c2")}});
  EXPECT_EQ(outcome.status, AppendStatus::NotDone);
  EXPECT_FALSE(outcome.error.message.empty());
  harness_->set_full(false);
  EXPECT_EQ(load().size(), 1U);
  EXPECT_EQ(tokens_->write({.put = {token("c2")}}).status, AppendStatus::Durable);
  EXPECT_EQ(load().size(), 2U);
}

TEST_P(TokenContract, AnUnknownOutcomeIsFatalAndNothingIsTakenAfterIt) {
  harness_->break_next_append();
  EXPECT_EQ(tokens_->write({.put = {token("c1")}}).status, AppendStatus::Fatal);
  EXPECT_EQ(tokens_->write({.put = {token("c1")}}).status, AppendStatus::Fatal);
  reopen();
  open_tokens();
  EXPECT_EQ(tokens_->write({.put = {token("c1")}}).status, AppendStatus::Durable);
}

TEST_P(TokenContract, GoesBesideTheAppendsOfJobs) {
  for (int i = 0; i < 50; ++i) {
    build_.submit();
    must_append();
    ASSERT_EQ(tokens_->write({.put = {token("c" + std::to_string(i))}}).status,
              AppendStatus::Durable);
  }
  reopen();
  open_tokens();
  EXPECT_EQ(load().size(), 50U);
  EXPECT_EQ(recovery_.jobs.size(), 50U);
}

}  // namespace
}  // namespace hearth::store::testing
