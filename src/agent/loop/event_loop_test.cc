#include "agent/loop/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"

namespace hearth::agent {
namespace {

class ManualClock final : public Clock {
 public:
  TimePoint now() override { return time_from_ms(ns_ / 1'000'000); }
  std::int64_t monotonic_ns() override { return ns_; }
  void advance(Duration by) { ns_ += by.count() * 1'000'000; }

 private:
  std::int64_t ns_ = 1'000'000'000;
};

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  ~Pipe() {
    close(ends[0]);
    close_writer();
  }
  void write_byte() const { EXPECT_EQ(write(ends[1], "x", 1), 1); }
  void close_writer() {
    if (ends[1] >= 0) {
      close(ends[1]);
      ends[1] = -1;
    }
  }
  std::array<int, 2> ends{-1, -1};
};

class EventLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = EventLoop::create(clock_);
    ASSERT_TRUE(made);
    loop_ = std::move(*made);
  }

  ManualClock clock_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, CallsTheHandlerWhileBytesAreUnread) {
  const Pipe pipe;
  int calls = 0;
  ASSERT_TRUE(loop_->add_fd(pipe.ends[0], Interest::Read, [&](Ready ready) {
    EXPECT_TRUE(ready.readable);
    ++calls;
  }));
  loop_->run_once(Duration(0));
  EXPECT_EQ(calls, 0);
  pipe.write_byte();
  loop_->run_once(Duration(1'000));
  loop_->run_once(Duration(1'000));
  EXPECT_EQ(calls, 2) << "level-triggered: unread bytes come back";
}

TEST_F(EventLoopTest, TellsWhenTheOtherSideClosed) {
  Pipe pipe;
  bool closed = false;
  ASSERT_TRUE(
      loop_->add_fd(pipe.ends[0], Interest::Read, [&](Ready ready) { closed = ready.closed; }));
  pipe.close_writer();
  loop_->run_once(Duration(1'000));
  EXPECT_TRUE(closed);
}

TEST_F(EventLoopTest, AHandlerMayRemoveAnyDescriptorOfTheSameTurn) {
  const Pipe first;
  const Pipe second;
  int calls = 0;
  const auto remove_both = [&](Ready) {
    ++calls;
    loop_->remove_fd(first.ends[0]);
    loop_->remove_fd(second.ends[0]);
  };
  ASSERT_TRUE(loop_->add_fd(first.ends[0], Interest::Read, remove_both));
  ASSERT_TRUE(loop_->add_fd(second.ends[0], Interest::Read, remove_both));
  first.write_byte();
  second.write_byte();
  loop_->run_once(Duration(1'000));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(loop_->watched_fds(), 0U);
}

TEST_F(EventLoopTest, ARemovedDescriptorsEventNeverReachesItsSuccessor) {
  const Pipe first;
  const Pipe second;
  int successor_calls = 0;
  const auto replace_other = [&](int other) {
    return [&, other](Ready) {
      loop_->remove_fd(other);
      ASSERT_TRUE(loop_->add_fd(other, Interest::Read, [&](Ready) { ++successor_calls; }));
      loop_->remove_fd(first.ends[0] == other ? second.ends[0] : first.ends[0]);
    };
  };
  ASSERT_TRUE(loop_->add_fd(first.ends[0], Interest::Read, replace_other(second.ends[0])));
  ASSERT_TRUE(loop_->add_fd(second.ends[0], Interest::Read, replace_other(first.ends[0])));
  first.write_byte();
  second.write_byte();
  loop_->run_once(Duration(1'000));
  EXPECT_EQ(successor_calls, 0) << "it was added after the events of this turn were taken";
  loop_->run_once(Duration(1'000));
  EXPECT_EQ(successor_calls, 1);
}

TEST_F(EventLoopTest, RefusesToWatchTwiceOrAFile) {
  const Pipe pipe;
  ASSERT_TRUE(loop_->add_fd(pipe.ends[0], Interest::Read, [](Ready) {}));
  const auto twice = loop_->add_fd(pipe.ends[0], Interest::Read, [](Ready) {});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::AlreadyExists);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const auto regular = loop_->add_fd(file, Interest::Read, [](Ready) {});
  ASSERT_FALSE(regular);
  EXPECT_EQ(regular.error().code, ErrorCode::InvalidArgument);
  close(file);
}

TEST_F(EventLoopTest, InterestCanBeTurnedOffAndOn) {
  const Pipe pipe;
  int calls = 0;
  ASSERT_TRUE(loop_->add_fd(pipe.ends[1], Interest::None, [&](Ready ready) {
    EXPECT_TRUE(ready.writable);
    ++calls;
  }));
  loop_->run_once(Duration(0));
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(loop_->set_interest(pipe.ends[1], Interest::Write));
  loop_->run_once(Duration(1'000));
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TimersRunByDeadlineThenByOrder) {
  std::string order;
  loop_->set_timer(Duration(20), [&] { order += 'c'; });
  loop_->set_timer(Duration(10), [&] { order += 'a'; });
  loop_->set_timer(Duration(10), [&] { order += 'b'; });
  loop_->run_once(Duration(0));
  EXPECT_EQ(order, "");
  clock_.advance(Duration(10));
  loop_->run_once(Duration(0));
  EXPECT_EQ(order, "ab");
  clock_.advance(Duration(10));
  loop_->run_once(Duration(0));
  EXPECT_EQ(order, "abc");
}

TEST_F(EventLoopTest, ACancelledTimerNeverRunsEvenIfDue) {
  bool ran = false;
  TimerId second = 0;
  loop_->set_timer(Duration(1), [&] { loop_->cancel_timer(second); });
  second = loop_->set_timer(Duration(1), [&] { ran = true; });
  clock_.advance(Duration(5));
  loop_->run_once(Duration(0));
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, ATimerOfZeroSetByATimerWaitsForTheNextTurn) {
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    loop_->set_timer(Duration(0), again);
  };
  loop_->set_timer(Duration(0), again);
  loop_->run_once(Duration(0));
  EXPECT_EQ(runs, 1);
  loop_->run_once(Duration(0));
  EXPECT_EQ(runs, 2);
}

TEST_F(EventLoopTest, AnEndlessTimerDoesNotOverflow) {
  bool ran = false;
  loop_->set_timer(Duration::max(), [&] { ran = true; });
  loop_->run_once(Duration(0));
  EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, RunsWhatOtherThreadsPostInTheirOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::vector<int>> seen(kThreads);
  int left = kThreads * kEach;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const auto posted = loop_->post([&, thread, i] {
          seen[static_cast<std::size_t>(thread)].push_back(i);
          if (--left == 0) {
            loop_->stop();
          }
        });
        ASSERT_TRUE(posted);
      }
    });
  }
  loop_->run();
  for (const auto& numbers : seen) {
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(kEach));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST_F(EventLoopTest, PostIsBounded) {
  for (std::int64_t i = 0; i < limits::kLoopPostedMax; ++i) {
    ASSERT_TRUE(loop_->post([] {}));
  }
  const auto refused = loop_->post([] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(refused.error().limit, "kLoopPostedMax");
  loop_->run_once(Duration(0));
  EXPECT_TRUE(loop_->post([] {}));
}

TEST_F(EventLoopTest, WhatWasPostedBeforeStopRuns) {
  bool ran = false;
  ASSERT_TRUE(loop_->post([&] { ran = true; }));
  loop_->stop();
  loop_->run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace hearth::agent
