#include "auth/token.h"

#include <gtest/gtest.h>

namespace hearth::auth {
namespace {

const std::string kSecret(2 * kTokenSecretBytes, '5');

TEST(TokenTest, ReadsWhatItWrites) {
  for (const TokenKind kind :
       {TokenKind::Client, TokenKind::Join, TokenKind::Agent, TokenKind::Session}) {
    const TokenId id = make_token_id(kind, "0123456789ab");
    const auto read = parse_token(token_text(id, kSecret));
    ASSERT_TRUE(read) << to_string(kind);
    EXPECT_EQ(read->id, id);
    EXPECT_EQ(read->kind, kind);
    EXPECT_EQ(read->secret, kSecret);
  }
}

TEST(TokenTest, TakesNothingElseForAToken) {
  const std::string good = token_text(make_token_id(TokenKind::Client, "0123456789ab"), kSecret);
  EXPECT_TRUE(parse_token(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = 'Z';
    EXPECT_FALSE(parse_token(bad)) << bad;
    EXPECT_FALSE(parse_token(good.substr(0, at)));
  }
  EXPECT_FALSE(parse_token(good + "0"));
  EXPECT_FALSE(parse_token(" " + good));
  EXPECT_FALSE(is_token_id("x0123456789ab"));
}

TEST(TokenTest, FindsATokenInAText) {
  const std::string token = token_text(make_token_id(TokenKind::Agent, "0123456789ab"), kSecret);
  EXPECT_TRUE(holds_token("http://" + token + "@127.0.0.1:7070"));
  EXPECT_TRUE(holds_token("hearth_hearth_" + token));
  EXPECT_FALSE(holds_token("hearth_c0123456789ab"));
  EXPECT_FALSE(holds_token(""));
}

// FIPS 180-2, appendix B.
TEST(TokenTest, KeepsTheSha256OfTheSecret) {
  const SecretHash hash = hash_secret("abc");
  EXPECT_EQ(hash.at(0), 0xba);
  EXPECT_EQ(hash.at(1), 0x78);
  EXPECT_EQ(hash.at(31), 0xad);
  SecretHash other = hash;
  EXPECT_TRUE(equal(hash, other));
  other.back() ^= 1U;
  EXPECT_FALSE(equal(hash, other));
}

TEST(ScopeTest, AdminAllowsEverythingAndNothingElseIncludesAnother) {
  for (int need = static_cast<int>(Need::Submit); need <= static_cast<int>(Need::Admin); ++need) {
    for (int scope = 0; scope < kScopeCount; ++scope) {
      const bool same = need - static_cast<int>(Need::Submit) == scope;
      const bool granted = grants({static_cast<Scope>(scope)}, static_cast<Need>(need));
      EXPECT_EQ(granted, same || static_cast<Scope>(scope) == Scope::Admin)
          << to_string(static_cast<Need>(need)) << " " << to_string(static_cast<Scope>(scope));
    }
    EXPECT_FALSE(grants({}, static_cast<Need>(need)));
  }
  EXPECT_TRUE(grants({}, Need::Nothing));
  EXPECT_TRUE(grants({Scope::Agent}, Need::AnyScope));
  EXPECT_FALSE(grants({}, Need::AnyScope));
  EXPECT_FALSE(grants(kAllScopes, Need::Join));
}

TEST(ScopeTest, ReadsWhatItWrites) {
  for (std::uint32_t bits = 0; bits < 16; ++bits) {
    const Scopes scopes = Scopes::from_bits(bits);
    EXPECT_EQ(parse_scopes(scopes.to_string()).value(), scopes);
  }
  const auto bad = parse_scopes("submit,write");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("\"write\""), std::string::npos) << bad.error().message;
  EXPECT_EQ(Scopes::from_bits(0xffffffff), kAllScopes);
}

}  // namespace
}  // namespace hearth::auth
