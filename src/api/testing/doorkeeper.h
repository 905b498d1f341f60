// A doorkeeper over tokens in memory, for tests of the doors.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "api/doorkeeper.h"
#include "api/testing/answer.h"
#include "base/testing/manual_clock.h"
#include "store/memory/memory_store.h"

namespace hearth::api::testing {

inline std::unique_ptr<Doorkeeper> make_doorkeeper(Clock& clock, Log& log) {
  auto keeper = Doorkeeper::start(store::open_memory_store()->tokens().value(),
                                  {.clock = clock, .log = log, .on_fatal = [](const Error&) {}});
  EXPECT_TRUE(keeper) << keeper.error().message;
  return std::move(*keeper);
}

inline MadeToken make_token(Doorkeeper& keeper, auth::NewToken token) {
  Answer<MadeToken> answer;
  keeper.create(std::move(token), answer.callback());
  auto made = answer.wait();
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

inline MadeToken make_client_token(Doorkeeper& keeper, auth::Scopes scopes) {
  auth::NewToken token;
  token.scopes = scopes;
  return make_token(keeper, token);
}

inline MadeToken make_join_token(Doorkeeper& keeper, std::int64_t uses = 1) {
  auth::NewToken token;
  token.kind = auth::TokenKind::Join;
  token.uses_max = uses;
  return make_token(keeper, token);
}

inline void revoke_token(Doorkeeper& keeper, const auth::TokenId& id) {
  Answer<auth::TokenRecord> answer;
  keeper.revoke(id, answer.callback());
  EXPECT_TRUE(answer.wait());
}

// One credential of each sort, by name: "none", "garbage", "unknown", "expired", "revoked", each
// scope, "join" and "agent credential" (of agent "a"). `clock` is the keeper's.
inline std::map<std::string, std::optional<std::string>> every_credential(
    Doorkeeper& keeper, hearth::testing::ManualClock& clock) {
  std::map<std::string, std::optional<std::string>> credentials;
  credentials["none"] = std::nullopt;
  credentials["garbage"] = "garbage";
  credentials["unknown"] =
      token_text(auth::TokenId("c0123456789ab"), std::string(2 * auth::kTokenSecretBytes, '0'));
  for (int i = 0; i < auth::kScopeCount; ++i) {
    const auto scope = static_cast<auth::Scope>(i);
    credentials[std::string(to_string(scope))] = make_client_token(keeper, {scope}).text;
  }
  const MadeToken revoked = make_client_token(keeper, auth::kAllScopes);
  revoke_token(keeper, revoked.record.id);
  credentials["revoked"] = revoked.text;
  auth::NewToken expiring;
  expiring.scopes = auth::kAllScopes;
  expiring.expires_at = clock.now() + Duration(1);
  credentials["expired"] = make_token(keeper, expiring).text;
  clock.advance(Duration(1));
  const MadeToken join = make_join_token(keeper, limits::kJoinUsesMax);
  credentials["join"] = join.text;
  const std::string secret(2 * auth::kTokenSecretBytes, 'a');
  const auth::TokenId agent("a0123456789ab");
  Answer<void> joined;
  keeper.join(join.record.id, {.id = agent, .hash = auth::hash_secret(secret), .agent = "a"},
              joined.callback());
  EXPECT_TRUE(joined.wait());
  credentials["agent credential"] = token_text(agent, secret);
  return credentials;
}

}  // namespace hearth::api::testing
