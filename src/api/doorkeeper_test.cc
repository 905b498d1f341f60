#include "api/doorkeeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "api/testing/answer.h"
#include "base/door_limits.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "store/memory/memory_store.h"

namespace hearth::api {
namespace {

using testing::Answer;

class DoorkeeperTest : public ::testing::Test {
 protected:
  DoorkeeperTest() { restart(); }

  void restart() {
    keeper_.reset();
    store_ = store::open_memory_store(disk_);
    auto keeper = Doorkeeper::start(
        store_->tokens().value(),
        {.clock = clock_, .log = log_, .on_fatal = [this](const Error&) { ++fatal_; }});
    ASSERT_TRUE(keeper) << keeper.error().message;
    keeper_ = std::move(*keeper);
  }
  Result<MadeToken> create(auth::NewToken token) {
    Answer<MadeToken> answer;
    keeper_->create(std::move(token), answer.callback());
    return answer.wait();
  }
  MadeToken client(auth::Scopes scopes) {
    auth::NewToken token;
    token.scopes = scopes;
    return create(token).value();
  }
  Result<auth::TokenRecord> revoke(const auth::TokenId& id) {
    Answer<auth::TokenRecord> answer;
    keeper_->revoke(id, answer.callback());
    return answer.wait();
  }
  Result<auth::Caller> admit(std::optional<std::string_view> presented, auth::Need need,
                             std::string_view peer = "10.0.0.1") {
    return keeper_->admit(
        {.peer = peer, .to = "GET /v1/jobs", .need = need, .presented = presented});
  }

  hearth::testing::ManualClock clock_;
  hearth::testing::RecordingLog log_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Doorkeeper> keeper_;
  std::atomic<int> fatal_{0};
};

TEST_F(DoorkeeperTest, ATokenWorksAtOnceAndAfterARestart) {
  const MadeToken made = client({auth::Scope::Read});
  EXPECT_TRUE(admit(made.text, auth::Need::Read));
  EXPECT_EQ(admit(made.text, auth::Need::Submit).error().kind, "forbidden");
  restart();
  EXPECT_TRUE(admit(made.text, auth::Need::Read));
  EXPECT_EQ(keeper_->list().size(), 1U);
  EXPECT_NE(client({auth::Scope::Read}).text, made.text);
}

TEST_F(DoorkeeperTest, ARevokedTokenIsRefusedAtOnceAndAfterARestart) {
  const MadeToken made = client({auth::Scope::Read});
  ASSERT_TRUE(revoke(made.record.id)->revoked_at);
  EXPECT_EQ(admit(made.text, auth::Need::Read).error().code, ErrorCode::Unauthenticated);
  restart();
  EXPECT_FALSE(admit(made.text, auth::Need::Read));
  EXPECT_EQ(revoke(auth::TokenId("c000000000000")).error().code, ErrorCode::NotFound);
}

TEST_F(DoorkeeperTest, NothingIsPromisedThatIsNotDurable) {
  const MadeToken made = client({auth::Scope::Read});
  disk_->set_full(true);
  auth::NewToken token;
  token.scopes = {auth::Scope::Admin};
  EXPECT_EQ(create(token).error().kind, "storage_unavailable");
  EXPECT_EQ(revoke(made.record.id).error().kind, "storage_unavailable");
  EXPECT_TRUE(admit(made.text, auth::Need::Read)) << "not revoked: the answer said so";
  EXPECT_EQ(fatal_, 0);
  disk_->set_full(false);
  disk_->inject(store::MemoryDisk::Fault::FatalLost);
  EXPECT_FALSE(create(token));
  EXPECT_EQ(fatal_, 1);
}

TEST_F(DoorkeeperTest, TellsStreamsWhenTheirTokenEnds) {
  const MadeToken made = client({auth::Scope::Read});
  const MadeToken other = client({auth::Scope::Read});
  Answer<MadeToken> opened;
  keeper_->open_session(made.record.id, opened.callback());
  const MadeToken session = opened.wait().value();
  std::atomic<int> ended{0};
  std::atomic<int> ended_unwatched{0};
  std::atomic<int> ended_other{0};
  (void)keeper_->watch(made.record.id, [&] { ++ended; });
  (void)keeper_->watch(session.record.id, [&] { ++ended; });
  (void)keeper_->watch(other.record.id, [&] { ++ended_other; });
  keeper_->unwatch(keeper_->watch(made.record.id, [&] { ++ended_unwatched; }));
  ASSERT_TRUE(revoke(made.record.id));
  ASSERT_TRUE(revoke(made.record.id));
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(ended_unwatched, 0);
  EXPECT_EQ(ended_other, 0);
  EXPECT_FALSE(keeper_->holds(session.record.id));
  EXPECT_TRUE(keeper_->holds(other.record.id));
}

TEST_F(DoorkeeperTest, ASessionEndsWhenItIsEnded) {
  const MadeToken made = client({auth::Scope::Read});
  Answer<MadeToken> opened;
  keeper_->open_session(made.record.id, opened.callback());
  const MadeToken session = opened.wait().value();
  EXPECT_TRUE(admit(session.text, auth::Need::Read));
  std::atomic<int> ended{0};
  (void)keeper_->watch(session.record.id, [&] { ++ended; });
  Answer<void> done;
  keeper_->end_session(session.record.id, done.callback());
  EXPECT_TRUE(done.wait());
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(admit(session.text, auth::Need::Read));
  EXPECT_TRUE(admit(made.text, auth::Need::Read));
}

TEST_F(DoorkeeperTest, AnAgentJoinsWithACredentialOfItsOwn) {
  auth::NewToken token;
  token.kind = auth::TokenKind::Join;
  const MadeToken join = create(token).value();
  EXPECT_TRUE(admit(join.text, auth::Need::Join));
  const std::string secret(2 * auth::kTokenSecretBytes, '7');
  const auth::TokenId id("a0123456789ab");
  Answer<void> done;
  keeper_->join(join.record.id, {.id = id, .hash = auth::hash_secret(secret), .agent = "a"},
                done.callback());
  ASSERT_TRUE(done.wait());
  restart();
  EXPECT_EQ(admit(token_text(id, secret), auth::Need::Agent)->agent, "a");
  Answer<void> again;
  keeper_->join(join.record.id, {.id = auth::TokenId("a1"), .hash = {}, .agent = "b"},
                again.callback());
  EXPECT_EQ(again.wait().error().code, ErrorCode::Unauthenticated);
}

TEST_F(DoorkeeperTest, BadCredentialsOfOneAddressAreLimitedAndGoodOnesPass) {
  const MadeToken made = client({auth::Scope::Read});
  for (int i = 0; i < limits::kAuthFailuresMax; ++i) {
    EXPECT_EQ(admit("garbage", auth::Need::Read).error().code, ErrorCode::Unauthenticated);
  }
  const Error limited = admit("garbage", auth::Need::Read).error();
  EXPECT_EQ(limited.kind, "rate_limited");
  EXPECT_EQ(limited.limit, "kAuthFailuresMax");
  EXPECT_TRUE(admit(made.text, auth::Need::Read));
  EXPECT_EQ(admit(std::nullopt, auth::Need::Read).error().kind, "unauthenticated");
  EXPECT_EQ(admit("garbage", auth::Need::Read, "10.0.0.2").error().kind, "unauthenticated");
  clock_.advance(Duration(6'000));
  EXPECT_EQ(admit("garbage", auth::Need::Read).error().kind, "unauthenticated");
}

TEST_F(DoorkeeperTest, LogsWhoWasRefusedAndNeverASecret) {
  const MadeToken made = client({auth::Scope::Read});
  ASSERT_FALSE(admit(made.text, auth::Need::Admin));
  ASSERT_FALSE(admit("hearth_" + std::string(90, 'x'), auth::Need::Admin));
  std::string wrong = made.text;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  ASSERT_FALSE(admit(wrong, auth::Need::Read));
  ASSERT_TRUE(revoke(made.record.id));
  ASSERT_FALSE(admit(made.text, auth::Need::Read));
  const std::string log = log_.text();
  EXPECT_NE(log.find("token=" + made.record.id.value()), std::string::npos) << log;
  EXPECT_NE(log.find("peer=10.0.0.1"), std::string::npos) << log;
  EXPECT_NE(log.find("GET /v1/jobs"), std::string::npos) << log;
  EXPECT_NE(log.find("scope admin"), std::string::npos) << log;
  EXPECT_NE(log.find("token=malformed"), std::string::npos) << log;
  EXPECT_EQ(log.find("xxxx"), std::string::npos) << log;
  const std::string secret = auth::parse_token(made.text)->secret;
  EXPECT_EQ(log.find(secret), std::string::npos) << log;
  EXPECT_EQ(log.find(secret.substr(0, 16)), std::string::npos) << log;
}

TEST_F(DoorkeeperTest, LogsRefusalsAtABoundedRateAndCountsTheRest) {
  for (std::int64_t i = 0; i < limits::kRefusalsLoggedPerMinuteMax + 7; ++i) {
    ASSERT_FALSE(admit(std::nullopt, auth::Need::Read));
  }
  const std::string log = log_.text();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), limits::kRefusalsLoggedPerMinuteMax);
  EXPECT_EQ(keeper_->refused(), limits::kRefusalsLoggedPerMinuteMax + 7);
  clock_.advance(std::chrono::seconds(1));
  ASSERT_FALSE(admit(std::nullopt, auth::Need::Read));
  EXPECT_NE(log_.text().find("not_logged_before=7"), std::string::npos);
}

TEST_F(DoorkeeperTest, AfterTheStopChangesAreRefusedAndQuestionsAnswered) {
  const MadeToken made = client({auth::Scope::Read});
  keeper_->stop();
  auth::NewToken token;
  token.scopes = {auth::Scope::Read};
  EXPECT_FALSE(create(token));
  EXPECT_TRUE(admit(made.text, auth::Need::Read));
}

}  // namespace
}  // namespace hearth::api
