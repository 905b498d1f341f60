#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "base/time.h"

namespace hearth {
namespace {

constexpr Duration kLong = std::chrono::hours(1);
constexpr Duration kNow{0};

TEST(MailboxTest, TakesEverythingInOrderAndAtMostMax) {
  Mailbox<int> mailbox(10);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(mailbox.try_push(int{i}));
  }
  EXPECT_EQ(mailbox.pop_all(3, kLong), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(mailbox.pop_all(3, kLong), (std::vector<int>{3, 4}));
}

TEST(MailboxTest, RefusesWhenFullAndLeavesTheValueWithTheCaller) {
  Mailbox<std::unique_ptr<int>> mailbox(1);
  ASSERT_TRUE(mailbox.try_push(std::make_unique<int>(1)));
  auto refused = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.try_push(std::move(refused)));
  ASSERT_NE(refused, nullptr);  // NOLINT(bugprone-use-after-move): part of the contract
  EXPECT_TRUE(mailbox.try_push(std::move(refused), 1));
  EXPECT_FALSE(mailbox.try_push(std::make_unique<int>(3), 1));
  EXPECT_EQ(mailbox.size(), 2U);
}

TEST(MailboxTest, TimeoutEndsTheWait) {
  Mailbox<int> mailbox(1);
  EXPECT_TRUE(mailbox.pop_all(1, kNow).empty());
}

TEST(MailboxTest, WakeEndsOneWaitEvenWhenItComesFirst) {
  Mailbox<int> mailbox(1);
  mailbox.wake();
  EXPECT_TRUE(mailbox.pop_all(1, kLong).empty());
  std::thread waker([&] { mailbox.wake(); });
  EXPECT_TRUE(mailbox.pop_all(1, kLong).empty());
  waker.join();
}

TEST(MailboxTest, WaitForWakeLeavesTheValues) {
  Mailbox<int> mailbox(1);
  ASSERT_TRUE(mailbox.try_push(1));
  mailbox.wait_woken(kNow);
  std::thread waker([&] { mailbox.wake(); });
  mailbox.wait_woken(kLong);
  waker.join();
  EXPECT_EQ(mailbox.size(), 1U);
}

TEST(MailboxTest, ClosedRefusesButGivesBackWhatItHolds) {
  Mailbox<int> mailbox(4);
  ASSERT_TRUE(mailbox.try_push(7));
  mailbox.close();
  EXPECT_FALSE(mailbox.try_push(8));
  EXPECT_EQ(mailbox.pop_all(4, kLong), std::vector<int>{7});
  EXPECT_TRUE(mailbox.pop_all(4, kLong).empty());
}

TEST(MailboxTest, ExtractTakesTheChosenAndKeepsTheOrderOfTheRest) {
  Mailbox<int> mailbox(10);
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(mailbox.try_push(int{i}));
  }
  EXPECT_EQ(mailbox.extract_if([](int value) { return value % 2 == 0; }),
            (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(mailbox.pop_all(10, kLong), (std::vector<int>{1, 3, 5}));
}

TEST(MailboxTest, ManyProducersLoseNothingAndEachKeepsItsOrder) {
  constexpr int kProducers = 4;
  constexpr int kEach = 5'000;
  Mailbox<std::pair<int, int>> mailbox(64);
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (int i = 0; i < kEach; ++i) {
        while (!mailbox.try_push({producer, i})) {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> next(kProducers, 0);
  for (int taken = 0; taken < kProducers * kEach;) {
    for (const auto& [producer, i] : mailbox.pop_all(16, kLong)) {
      ASSERT_EQ(i, next[static_cast<std::size_t>(producer)]++);
      ++taken;
    }
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  EXPECT_EQ(mailbox.size(), 0U);
}

}  // namespace
}  // namespace hearth
