#include "agent/core/warm_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace hearth::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

WarmPolicy policy(std::int64_t slots_max) {
  return {.slots_max = slots_max,
          .starting_max = 1,
          .age_max = minutes(10),
          .idle_after = minutes(5),
          .shrink_after = minutes(1),
          .refill_after = {},
          .retry_first = Duration(100),
          .retry_max = seconds(10),
          .always = {}};
}

// Plays the shell: slots come up when told to.
class PoolTest : public ::testing::Test {
 protected:
  void make(WarmPolicy policy) {
    pool_ = std::make_unique<WarmPool>(std::move(policy));
    std::vector<WarmEffect> effects;
    pool_->start(now_, effects);
    perform(effects);
  }
  std::optional<SlotId> take(const std::string& language) {
    std::vector<WarmEffect> effects;
    const auto taken = pool_->take(language, now_, effects);
    perform(effects);
    return taken;
  }
  void come_up(SlotId id) {
    std::vector<WarmEffect> effects;
    starting_.erase(id);
    ready_.insert(id);
    pool_->on_ready(id, now_, effects);
    perform(effects);
  }
  void all_come_up() {
    while (!starting_.empty()) {
      come_up(starting_.begin()->first);
    }
  }
  void lose(SlotId id) {
    std::vector<WarmEffect> effects;
    starting_.erase(id);
    ready_.erase(id);
    pool_->on_lost(id, now_, effects);
    perform(effects);
  }
  void pass(Duration time) {
    now_ += time;
    std::vector<WarmEffect> effects;
    pool_->on_time(now_, effects);
    perform(effects);
  }
  void perform(const std::vector<WarmEffect>& effects) {
    for (const WarmEffect& effect : effects) {
      if (const auto* start = std::get_if<StartSlot>(&effect)) {
        starting_.emplace(start->id, start->language);
      } else {
        const SlotId id = std::get<EndSlot>(effect).id;
        EXPECT_EQ(starting_.erase(id) + ready_.erase(id), 1U) << "ended once, and one it has";
      }
    }
    pool_->check_invariants();
  }

  std::unique_ptr<WarmPool> pool_;
  TimePoint now_{};
  std::map<SlotId, std::string> starting_;
  std::set<SlotId> ready_;
};

TEST_F(PoolTest, StartsNothingBeforeSomebodyAsks) {
  make(policy(4));
  pass(minutes(1));
  EXPECT_TRUE(starting_.empty());
  EXPECT_EQ(take("js"), std::nullopt);
  ASSERT_EQ(starting_.size(), 1U);
  EXPECT_EQ(starting_.begin()->second, "js");
  EXPECT_EQ(pool_->counts().misses, 1U);
}

TEST_F(PoolTest, ASlotIsGivenOnceAndReplaced) {
  make(policy(4));
  EXPECT_FALSE(take("js"));
  const SlotId first = starting_.begin()->first;
  all_come_up();
  EXPECT_EQ(take("js"), first);
  EXPECT_EQ(starting_.size(), 1U);
  EXPECT_FALSE(starting_.contains(first));
  EXPECT_EQ(take("js"), std::nullopt);
  EXPECT_EQ(pool_->counts().hits, 1U);
}

TEST_F(PoolTest, AScriptThatFoundASlotHasTheMachineForAWhile) {
  WarmPolicy wanted = policy(4);
  wanted.refill_after = Duration(25);
  make(wanted);
  EXPECT_FALSE(take("js"));
  EXPECT_EQ(starting_.size(), 1U) << "one that found none is held back by nothing";
  EXPECT_FALSE(take("js"));
  all_come_up();
  ASSERT_EQ(ready_.size(), 2U);
  EXPECT_TRUE(take("js"));
  EXPECT_TRUE(starting_.empty());
  EXPECT_EQ(pool_->next_deadline(), now_ + Duration(25));
  pass(Duration(20));
  EXPECT_TRUE(take("js"));
  pass(Duration(24));
  EXPECT_TRUE(starting_.empty()) << "the second has come later";
  pass(Duration(1));
  EXPECT_EQ(starting_.size(), 1U);
}

TEST_F(PoolTest, ASlotOfAnotherLanguageIsNoHit) {
  make(policy(4));
  EXPECT_FALSE(take("js"));
  all_come_up();
  EXPECT_FALSE(take("python"));
}

TEST_F(PoolTest, MissesMakeItLargerUpToItsBound) {
  make(policy(5));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(take("js"));
  }
  EXPECT_EQ(starting_.size(), 1U) << "one at a time";
  all_come_up();
  EXPECT_EQ(ready_.size(), 5U);
}

TEST_F(PoolTest, OneLessWhenSomeWereAlwaysLeftOver) {
  make(policy(4));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(take("js"));
  }
  all_come_up();
  ASSERT_EQ(ready_.size(), 4U);
  pass(minutes(1));  // what was left over is counted from here on
  pass(minutes(1));
  EXPECT_EQ(ready_.size(), 3U);
  const auto taken = take("js");
  ASSERT_TRUE(taken);
  ready_.erase(*taken);
  all_come_up();
  pass(minutes(1));
  EXPECT_EQ(ready_.size(), 2U) << "two were left over even then";
}

TEST_F(PoolTest, NoneWhenNobodyHasAskedForLong) {
  make(policy(4));
  EXPECT_FALSE(take("js"));
  all_come_up();
  pass(minutes(4));
  EXPECT_EQ(ready_.size(), 1U);
  pass(minutes(1));
  EXPECT_TRUE(ready_.empty());
  EXPECT_EQ(pool_->next_deadline(), std::nullopt) << "nothing is left to wait for";
  EXPECT_FALSE(take("js"));
  EXPECT_EQ(starting_.size(), 1U) << "and it begins anew";
}

TEST_F(PoolTest, WhatTheOperatorWantsIsThereFromTheStartAndStays) {
  WarmPolicy wanted = policy(4);
  wanted.always = {{"js", 2}};
  make(wanted);
  all_come_up();
  EXPECT_EQ(ready_.size(), 2U);
  pass(minutes(6));
  EXPECT_EQ(ready_.size(), 2U);
}

TEST_F(PoolTest, AnOldSlotIsReplaced) {
  WarmPolicy wanted = policy(4);
  wanted.always = {{"js", 1}};
  make(wanted);
  all_come_up();
  const SlotId old = *ready_.begin();
  EXPECT_EQ(pool_->next_deadline(), now_ + minutes(10));
  pass(minutes(10));
  EXPECT_FALSE(ready_.contains(old));
  EXPECT_EQ(starting_.size(), 1U);
  EXPECT_EQ(pool_->counts().expired, 1U);
}

TEST_F(PoolTest, OneThatDoesNotComeUpIsTriedAgainLaterAndLater) {
  make(policy(2));
  EXPECT_FALSE(take("js"));
  Duration expected(100);
  for (int i = 0; i < 9; ++i) {
    ASSERT_EQ(starting_.size(), 1U) << i;
    lose(starting_.begin()->first);
    EXPECT_TRUE(starting_.empty());
    EXPECT_EQ(pool_->next_deadline(), now_ + expected);
    pass(expected);
    expected = std::min<Duration>(expected * 2, seconds(10));
  }
  all_come_up();
  lose(*ready_.begin());
  pass(Duration(100));
  EXPECT_EQ(starting_.size(), 1U) << "coming up has made it trustworthy again";
}

TEST_F(PoolTest, AFullPoolMakesRoomForANewLanguageButNotForItsSecond) {
  make(policy(3));
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(take("js"));
  }
  all_come_up();
  ASSERT_EQ(ready_.size(), 3U);
  EXPECT_FALSE(take("python"));
  all_come_up();
  EXPECT_EQ(ready_.size(), 3U);
  EXPECT_FALSE(take("sh"));
  all_come_up();
  const auto js = take("js");
  ASSERT_TRUE(js) << "its last was not taken away";
}

TEST_F(PoolTest, DrainedItEndsAllAndStartsNothing) {
  make(policy(3));
  EXPECT_FALSE(take("js"));
  EXPECT_FALSE(take("js"));
  come_up(starting_.begin()->first);
  std::vector<WarmEffect> effects;
  pool_->drain(effects);
  perform(effects);
  EXPECT_TRUE(ready_.empty() && starting_.empty());
  EXPECT_FALSE(take("js"));
  pass(minutes(1));
  EXPECT_TRUE(starting_.empty());
}

TEST_F(PoolTest, WithoutSlotsItDoesNothing) {
  make(policy(0));
  EXPECT_FALSE(take("js"));
  EXPECT_TRUE(starting_.empty());
  EXPECT_EQ(pool_->next_deadline(), std::nullopt);
}

TEST_F(PoolTest, HoldsItsInvariantsWhateverHappens) {
  std::mt19937 random(7);
  const std::vector<std::string> languages = {"js", "python", "sh"};
  for (int round = 0; round < 20; ++round) {
    starting_.clear();
    ready_.clear();
    WarmPolicy wanted = policy(round % 6);
    wanted.starting_max = 1 + round % 3;
    wanted.refill_after = Duration(round % 3 * 25);
    if (round % 2 == 0) {
      wanted.always = {{"js", 2}};
    }
    make(wanted);
    for (int step = 0; step < 500; ++step) {
      switch (random() % 4) {
        case 0:
          if (const auto taken = take(languages[random() % 3])) {
            EXPECT_EQ(ready_.erase(*taken), 1U) << "one that was ready, and nobody else's";
          }
          break;
        case 1:
          if (!starting_.empty()) {
            come_up(starting_.begin()->first);
          }
          break;
        case 2:
          if (!starting_.empty() && random() % 4 == 0) {
            lose(starting_.begin()->first);
          }
          break;
        default:
          pass(Duration(static_cast<std::int64_t>(random() % 200'000)));
          break;
      }
    }
  }
}

}  // namespace
}  // namespace hearth::agent
