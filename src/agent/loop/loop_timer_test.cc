#include "agent/loop/loop_timer.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/testing/manual_clock.h"

namespace hearth::agent {
namespace {

class LoopTimerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(EventLoop::create(clock_)).value();
    timer_.emplace(*loop_);
  }
  void pass(Duration time) {
    clock_.advance(time);
    loop_->run_once(Duration(0));
  }

  hearth::testing::ManualClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::optional<LoopTimer> timer_;
  int first_ = 0;
  int second_ = 0;
};

TEST_F(LoopTimerTest, ALaterOneReplacesTheFirst) {
  timer_->set(Duration(10), [this] { ++first_; });
  timer_->set(Duration(20), [this] { ++second_; });
  pass(Duration(30));
  EXPECT_EQ(first_, 0);
  EXPECT_EQ(second_, 1);
  pass(Duration(30));
  EXPECT_EQ(second_, 1) << "once";
}

TEST_F(LoopTimerTest, ATaskMaySetItAgain) {
  timer_->set(Duration(10), [this] {
    ++first_;
    timer_->set(Duration(10), [this] { ++second_; });
  });
  pass(Duration(10));
  EXPECT_EQ(first_, 1);
  EXPECT_EQ(second_, 0);
  pass(Duration(10));
  EXPECT_EQ(second_, 1);
}

TEST_F(LoopTimerTest, NothingRunsAfterItWasCancelledOrWent) {
  timer_->set(Duration(10), [this] { ++first_; });
  timer_->cancel();
  timer_->cancel();
  pass(Duration(20));
  timer_->set(Duration(10), [this] { ++first_; });
  timer_.reset();
  pass(Duration(20));
  EXPECT_EQ(first_, 0);
}

}  // namespace
}  // namespace hearth::agent
