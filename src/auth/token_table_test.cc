#include "auth/token_table.h"

#include <gtest/gtest.h>

namespace hearth::auth {
namespace {

using std::chrono::hours;

class TokenTableTest : public ::testing::Test {
 protected:
  struct Made {
    TokenId id;
    std::string text;
  };

  Made draw(TokenKind kind) {
    ++drawn_;
    std::string id = std::to_string(drawn_);
    id.insert(0, 2 * kTokenIdRandomBytes - id.size(), '0');
    secret_ = std::string(2 * kTokenSecretBytes, static_cast<char>('0' + drawn_ % 10));
    const TokenId token = make_token_id(kind, id);
    return {token, token_text(token, secret_)};
  }
  Made create(NewToken token) {
    Made made = draw(token.kind);
    token.id = made.id;
    token.hash = hash_secret(secret_);
    const auto changes = table_.create(token, now_);
    EXPECT_TRUE(changes) << changes.error().message;
    table_.apply(changes.value_or(TokenChanges{}));
    return made;
  }
  Made client(Scopes scopes) {
    NewToken token;
    token.scopes = scopes;
    return create(token);
  }
  Made join_token(std::int64_t uses, const std::string& agent = "") {
    NewToken token;
    token.kind = TokenKind::Join;
    token.uses_max = uses;
    token.agent = agent;
    token.expires_at = now_ + hours(1);
    return create(token);
  }
  Result<Made> join(const Made& by, const std::string& agent) {
    Made made = draw(TokenKind::Agent);
    const auto changes =
        table_.join(by.id, {.id = made.id, .hash = hash_secret(secret_), .agent = agent}, now_);
    if (!changes) {
      return changes.error();
    }
    table_.apply(*changes);
    return made;
  }
  void revoke(const Made& made) { table_.apply(table_.revoke(made.id, now_).value()); }
  std::string why_not(const std::string& text, Need need) {
    const auto caller = table_.authorise(text, need, now_);
    return caller ? "granted" : caller.error().kind + ": " + caller.error().message;
  }

  TokenTable table_;
  TimePoint now_ = time_from_ms(1'700'000'000'000);
  std::string secret_;
  int drawn_ = 0;
};

TEST_F(TokenTableTest, GrantsWhatTheScopesAllow) {
  const Made token = client({Scope::Submit, Scope::Read});
  EXPECT_EQ(why_not(token.text, Need::Submit), "granted");
  EXPECT_EQ(why_not(token.text, Need::Read), "granted");
  const std::string refused = why_not(token.text, Need::Admin);
  EXPECT_TRUE(refused.starts_with("forbidden: this needs scope admin")) << refused;
  EXPECT_NE(refused.find("has scope submit,read"), std::string::npos) << refused;
  EXPECT_EQ(table_.authorise(std::nullopt, Need::Read, now_).error().code,
            ErrorCode::Unauthenticated);
  EXPECT_TRUE(table_.authorise(std::nullopt, Need::Nothing, now_));
}

TEST_F(TokenTableTest, AWrongSecretLooksLikeAnUnknownToken) {
  const Made token = client({Scope::Read});
  std::string wrong = token.text;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::string unknown = draw(TokenKind::Client).text;
  const std::string of_wrong = why_not(wrong, Need::Read);
  std::string of_unknown = why_not(unknown, Need::Read);
  of_unknown.replace(of_unknown.find(parse_token(unknown)->id.value()), 13, token.id.value());
  EXPECT_EQ(of_wrong, of_unknown);
  EXPECT_TRUE(of_wrong.starts_with("unauthenticated")) << of_wrong;
  EXPECT_TRUE(why_not("", Need::Read).starts_with("unauthenticated"));
}

TEST_F(TokenTableTest, ATokenIsGoodUntilItExpiresOrIsRevoked) {
  NewToken token;
  token.scopes = {Scope::Read};
  token.expires_at = now_ + hours(1);
  const Made expiring = create(token);
  const Made other = client({Scope::Read});
  now_ += hours(1) - Duration(1);
  EXPECT_EQ(why_not(expiring.text, Need::Read), "granted");
  EXPECT_TRUE(table_.holds(expiring.id, now_));
  now_ += Duration(1);
  EXPECT_NE(why_not(expiring.text, Need::Read).find("has expired"), std::string::npos);
  EXPECT_FALSE(table_.holds(expiring.id, now_));
  EXPECT_EQ(why_not(other.text, Need::Read), "granted");
  revoke(other);
  EXPECT_NE(why_not(other.text, Need::Read).find("was revoked"), std::string::npos);
  EXPECT_TRUE(table_.revoke(other.id, now_)->empty()) << "revoking again changes nothing";
  EXPECT_EQ(table_.revoke(TokenId("c000000000000"), now_).error().code, ErrorCode::NotFound);
}

TEST_F(TokenTableTest, RefusesTokensThatMakeNoSense) {
  const auto field = [this](const NewToken& token) {
    const auto made = table_.create(token, now_);
    return made ? std::string("made") : made.error().field;
  };
  NewToken token{.id = TokenId("c0"), .scopes = {Scope::Read}};
  EXPECT_EQ(field(token), "made");
  EXPECT_EQ(field({.id = TokenId("c0")}), "scopes");
  token.name = "two\nlines";
  EXPECT_EQ(field(token), "name");
  token.name = std::string(static_cast<std::size_t>(limits::kNameBytesMax) + 1, 'n');
  EXPECT_EQ(field(token), "name");
  token.name.pop_back();
  EXPECT_EQ(field(token), "made");
  token.expires_at = now_;
  EXPECT_EQ(field(token), "expiresAt");
  token.expires_at = {};
  token.agent = "a";
  EXPECT_EQ(field(token), "agent");
  NewToken join{.id = TokenId("j0"), .kind = TokenKind::Join};
  EXPECT_EQ(field(join), "made");
  join.uses_max = limits::kJoinUsesMax + 1;
  EXPECT_EQ(field(join), "uses");
  join.uses_max = 0;
  EXPECT_EQ(field(join), "uses");
  join.uses_max = 1;
  join.scopes = {Scope::Agent};
  EXPECT_EQ(field(join), "scopes");
}

TEST_F(TokenTableTest, AJoinTokenIsGoodForJoiningOnlyAndForItsNumberOfAgents) {
  const Made token = join_token(2);
  EXPECT_EQ(why_not(token.text, Need::Join), "granted");
  for (const Need need : {Need::AnyScope, Need::Submit, Need::Read, Need::Agent, Need::Admin}) {
    EXPECT_TRUE(why_not(token.text, need).starts_with("forbidden")) << to_string(need);
  }
  EXPECT_TRUE(why_not(client(kAllScopes).text, Need::Join).starts_with("forbidden"));
  const auto a = join(token, "a");
  ASSERT_TRUE(a) << a.error().message;
  const Result<Caller> agent = table_.authorise(a->text, Need::Agent, now_);
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->agent, "a");
  EXPECT_TRUE(why_not(a->text, Need::Read).starts_with("forbidden"));
  EXPECT_TRUE(join(token, "b"));
  const auto third = join(token, "c");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::Unauthenticated);
  EXPECT_NE(third.error().message.find("2 of 2"), std::string::npos) << third.error().message;
}

TEST_F(TokenTableTest, ALostAnswerToAJoinCostsNoUse) {
  const Made token = join_token(1);
  const Made made = draw(TokenKind::Agent);
  const NewCredential credential{.id = made.id, .hash = hash_secret(secret_), .agent = "a"};
  table_.apply(table_.join(token.id, credential, now_).value());
  EXPECT_TRUE(table_.join(token.id, credential, now_)->empty());
  NewCredential stolen = credential;
  stolen.hash.front() ^= 1U;
  EXPECT_FALSE(table_.join(token.id, stolen, now_));
  revoke(made);
  const auto again = table_.join(token.id, credential, now_);
  ASSERT_FALSE(again) << "revoked is revoked";
  EXPECT_NE(again.error().message.find("remove the file"), std::string::npos);
}

TEST_F(TokenTableTest, AnAgentIdBelongsToWhoJoinedWithItUntilRevoked) {
  const Made token = join_token(10);
  const auto first = join(token, "a");
  ASSERT_TRUE(first);
  const auto second = join(token, "a");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_NE(second.error().message.find(first->id.value()), std::string::npos);
  revoke(*first);
  EXPECT_TRUE(join(token, "a"));
  const Made bound = join_token(1, "b");
  EXPECT_EQ(join(bound, "c").error().code, ErrorCode::PermissionDenied);
  EXPECT_TRUE(join(bound, "b"));
}

TEST_F(TokenTableTest, AJoinTokenThatExpiredOrWasRevokedJoinsNobody) {
  const Made revoked = join_token(2);
  ASSERT_TRUE(join(revoked, "a"));
  revoke(revoked);
  EXPECT_FALSE(join(revoked, "b"));
  const Made expired = join_token(1);
  now_ += hours(1);
  EXPECT_NE(join(expired, "b").error().message.find("expired"), std::string::npos);
}

TEST_F(TokenTableTest, ASessionIsWorthWhatItsTokenIsWorth) {
  const Made parent = client({Scope::Read});
  const Made session = draw(TokenKind::Session);
  table_.apply(table_.open_session(parent.id, session.id, hash_secret(secret_), now_).value());
  EXPECT_EQ(why_not(session.text, Need::Read), "granted");
  EXPECT_TRUE(why_not(session.text, Need::Submit).starts_with("forbidden"));
  EXPECT_EQ(table_.sessions_of(parent.id), std::vector{session.id});
  revoke(parent);
  EXPECT_TRUE(why_not(session.text, Need::Read).starts_with("unauthenticated"));
  EXPECT_FALSE(table_.holds(session.id, now_));
  table_.apply(table_.end_session(session.id));
  EXPECT_EQ(table_.find(session.id), nullptr);
  EXPECT_TRUE(table_.end_session(parent.id).empty()) << "a token is no session";
}

TEST_F(TokenTableTest, ASessionEndsAfterItsTimeAndBeforeItsToken) {
  NewToken token;
  token.scopes = {Scope::Read};
  token.expires_at = now_ + hours(1);
  const Made brief = create(token);
  const Made lasting = client({Scope::Read});
  const auto end_of = [this](const Made& parent) {
    const Made session = draw(TokenKind::Session);
    table_.apply(table_.open_session(parent.id, session.id, {}, now_).value());
    return *table_.find(session.id)->expires_at - now_;
  };
  EXPECT_EQ(end_of(brief), hours(1));
  EXPECT_EQ(end_of(lasting), limits::kSessionFor);
  EXPECT_FALSE(table_.open_session(join_token(1).id, TokenId("s0"), {}, now_));
}

TEST_F(TokenTableTest, EndedTokensAreForgottenAfterAWhile) {
  const Made gone = client({Scope::Read});
  revoke(gone);
  now_ += limits::kTokenKeptAfterEnd - Duration(1);
  (void)client({Scope::Read});
  EXPECT_NE(table_.find(gone.id), nullptr);
  now_ += Duration(1);
  (void)client({Scope::Read});
  EXPECT_EQ(table_.find(gone.id), nullptr);
}

TEST_F(TokenTableTest, TokensAndSessionsAreBounded) {
  std::vector<TokenRecord> rows;
  for (int i = 0; i < limits::kTokensMax; ++i) {
    const Made made = draw(i <= limits::kSessionsMax ? TokenKind::Session : TokenKind::Client);
    rows.push_back({.id = made.id,
                    .kind = i < limits::kSessionsMax ? TokenKind::Session : TokenKind::Client,
                    .scopes = {Scope::Read},
                    .created_at = now_});
  }
  const TokenId client = rows.back().id;
  table_ = TokenTable(rows);
  const auto sessions = table_.open_session(client, TokenId("s0"), {}, now_);
  ASSERT_FALSE(sessions);
  EXPECT_EQ(sessions.error().limit, "kSessionsMax");
  const auto tokens = table_.create({.id = TokenId("c0"), .scopes = {Scope::Read}}, now_);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().limit, "kTokensMax");
  EXPECT_EQ(tokens.error().limit_value, limits::kTokensMax);
}

TEST_F(TokenTableTest, KnowsWhetherAnybodyMayAdminister) {
  EXPECT_FALSE(table_.has_admin(now_));
  (void)client({Scope::Read});
  EXPECT_FALSE(table_.has_admin(now_));
  const Made admin = client({Scope::Admin});
  EXPECT_TRUE(table_.has_admin(now_));
  revoke(admin);
  EXPECT_FALSE(table_.has_admin(now_));
}

}  // namespace
}  // namespace hearth::auth
