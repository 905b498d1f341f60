// Agents that are told to beat more seldom, and how long they may be silent.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

// Ten agents of which one beats a second: twelve and a half seconds, with room to grow.
constexpr Duration kTold{12'500};

Options crowded() {
  Options options;
  options.heartbeats = {.interval = seconds(5), .per_second_max = 1};
  options.heartbeat_timeout = seconds(15);
  return options;
}

struct Crowd {
  Env env{crowded()};
  JobId job;
  AttemptKey key;

  Crowd() {
    for (int i = 0; i < 10; ++i) {
      env.agent("a" + std::to_string(i)).join();
      env.silence("a" + std::to_string(i));
    }
    job = env.submit(env.job());
    for (const auto& [agent, keys] : env.take_assignments()) {
      holder = agent;
      key = keys.front();
    }
    env.started(holder, key);
    env.expect_ack(key);
  }

  void beat(const std::string& agent, std::optional<Duration> interval) {
    AgentUsage usage;
    usage.heartbeat_interval = interval;
    env.send(AgentHeartbeat{env.link_of(agent), AgentId(agent), usage});
  }
  Duration expect_paced(const std::string& agent) {
    const std::vector<Effect> effects = env.take_effects();
    if (effects.size() != 1 || !std::holds_alternative<PaceHeartbeats>(effects[0])) {
      ADD_FAILURE() << agent << " is not told how often to beat";
      return {};
    }
    const auto& paced = std::get<PaceHeartbeats>(effects[0]);
    EXPECT_EQ(paced.agent, AgentId(agent));
    EXPECT_EQ(paced.link, env.link_of(agent));
    return paced.interval;
  }
  // Until the controller has heard nothing more of anybody for so long.
  void stay_silent(Duration time) { env.advance(time); }
  void expect_lost_after(Duration silence) {
    stay_silent(silence - Duration(1));
    EXPECT_FALSE(is_lost());
    stay_silent(Duration(1));
    EXPECT_TRUE(is_lost());
  }
  [[nodiscard]] bool is_lost() const { return env.state(job) != JobState::Running; }

  std::string holder;
};

TEST(HeartbeatTest, FewAgentsAreToldNothing) {
  Env env;
  env.agent("a").join();
  AgentUsage usage;
  usage.heartbeat_interval = limits::kHeartbeatInterval;
  env.send(AgentHeartbeat{env.link_of("a"), AgentId("a"), usage});
  env.expect_no_more_effects();
}

TEST(HeartbeatTest, InACrowdEachIsToldInAnswerToItsHeartbeat) {
  Crowd t;
  t.beat(t.holder, seconds(5));
  EXPECT_EQ(t.expect_paced(t.holder), kTold);
  t.beat(t.holder, kTold);
  t.env.expect_no_more_effects();
}

TEST(HeartbeatTest, WhoDoesNotSayHowOftenItBeatsIsNotTold) {
  Crowd t;
  t.beat(t.holder, std::nullopt);
  t.env.expect_no_more_effects();
}

TEST(HeartbeatTest, AnAgentThatCannotBeToldIsJudgedByThePlainTimeout) {
  Crowd t;
  t.beat(t.holder, std::nullopt);
  t.expect_lost_after(seconds(15));
}

TEST(HeartbeatTest, AnAgentThatBeatsSeldomIsLostWhenItHasMissedThree) {
  Crowd t;
  t.beat(t.holder, kTold);
  t.expect_lost_after(kTold * 3);
  const std::string& why = t.env.rows().attempts().at({t.job, 1}).result.message;
  EXPECT_NE(why.find("for 37500 ms"), std::string::npos) << why;
}

TEST(HeartbeatTest, NeitherIsItLostForASlowBeatWhenItsLinkBreaks) {
  Crowd t;
  t.beat(t.holder, kTold);
  t.stay_silent(seconds(20));
  t.env.disconnect(t.holder);
  t.stay_silent(seconds(17));
  EXPECT_FALSE(t.is_lost());
  t.stay_silent(seconds(1));
  EXPECT_TRUE(t.is_lost());
}

TEST(HeartbeatTest, ANewLinkIsJudgedByThePlainTimeoutUntilItSaysOtherwise) {
  Crowd t;
  t.beat(t.holder, kTold);
  t.env.agent(t.holder).holds(t.key).hello();
  t.env.expect_welcome(t.holder);
  t.stay_silent(seconds(15));
  EXPECT_TRUE(t.is_lost());
}

// The next check was due when the slow agent would have been lost.
TEST(HeartbeatTest, AnAgentThatBeatsOftenAgainIsLostAsSoonAsOthers) {
  Crowd t;
  t.beat(t.holder, kTold);
  t.stay_silent(seconds(16));  // the nine others are lost
  ASSERT_FALSE(t.is_lost());
  t.env.take_effects();
  t.beat(t.holder, seconds(5));
  t.expect_lost_after(seconds(15));
}

TEST(HeartbeatTest, WhenTheCrowdHasGoneAgentsBeatOftenAgain) {
  Crowd t;
  t.beat(t.holder, kTold);
  t.stay_silent(seconds(16));
  t.env.take_effects();
  t.beat(t.holder, kTold);
  EXPECT_EQ(t.expect_paced(t.holder), seconds(5));
}

TEST(HeartbeatTest, NobodyIsBelievedToBeatMoreSeldomThanAnybodyIsTold) {
  Options options = crowded();
  options.agents_max = 10;
  Env env(options);
  env.agent("a").join();
  env.silence("a");
  AgentUsage usage;
  usage.heartbeat_interval = limits::kHeartbeatIntervalMax;
  env.send(AgentHeartbeat{env.link_of("a"), AgentId("a"), usage});
  env.advance(kTold * 3);
  EXPECT_TRUE(env.controller().agents(env.now()).empty());
}

}  // namespace
}  // namespace hearth::core
