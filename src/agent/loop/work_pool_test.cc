#include "agent/loop/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include "base/clock.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

class WorkPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::create(clock_);
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    auto pool = WorkPool::create(*loop_, 2);
    ASSERT_TRUE(pool);
    pool_ = std::move(*pool);
  }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<WorkPool> pool_;
};

TEST_F(WorkPoolTest, WorksElsewhereAndCompletesOnTheLoop) {
  constexpr int kCount = 100;
  int completed = 0;
  const auto loop_thread = std::this_thread::get_id();
  std::atomic<int> worked_elsewhere = 0;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(pool_->submit(
        [&] { worked_elsewhere += std::this_thread::get_id() != loop_thread ? 1 : 0; },
        [&] {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          if (++completed == kCount) {
            loop_->stop();
          }
        }));
  }
  loop_->run();
  EXPECT_EQ(completed, kCount);
  EXPECT_EQ(worked_elsewhere, kCount);
}

TEST_F(WorkPoolTest, WhatWaitsIsBoundedAndDroppedAtTheEnd) {
  std::counting_semaphore<8> busy(0);
  std::counting_semaphore<8> release(0);
  bool completed = false;
  for (int thread = 0; thread < 2; ++thread) {
    ASSERT_TRUE(pool_->submit(
        [&] {
          busy.release();
          release.acquire();
        },
        [&] { completed = true; }));
  }
  busy.acquire();
  busy.acquire();
  for (std::int64_t i = 0; i < limits::kBlockingTasksMax; ++i) {
    ASSERT_TRUE(pool_->submit([] {}, [] {}));
  }
  const auto refused = pool_->submit([] {}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kBlockingTasksMax");

  std::jthread let_go([&] { release.release(2); });
  pool_.reset();
  EXPECT_FALSE(completed);
  EXPECT_EQ(loop_->watched_fds(), 0U);
}

}  // namespace
}  // namespace hearth::agent
