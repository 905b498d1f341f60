#include "agent/link/control_queue.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::agent {
namespace {

v1::AgentMessage started(std::uint64_t job) {
  v1::AgentMessage message;
  message.mutable_started()->mutable_key()->set_job(job);
  return message;
}

v1::AgentMessage heartbeat() {
  v1::AgentMessage message;
  message.mutable_heartbeat();
  return message;
}

v1::AgentMessage telemetry(std::size_t bytes) {
  v1::AgentMessage message;
  message.mutable_telemetry()->mutable_machine()->set_gpu_problem(std::string(bytes, 'x'));
  return message;
}

TEST(ControlQueueTest, WhatWaitsGoesTogetherAndInOrder) {
  ControlQueue queue;
  for (std::uint64_t job = 1; job <= 3; ++job) {
    queue.add(started(job));
  }
  const v1::AgentMessage taken = queue.take(Duration(1));
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(taken.started().key().job(), 1U);
  ASSERT_EQ(taken.more_size(), 2);
  EXPECT_EQ(taken.more(0).started().key().job(), 2U);
  EXPECT_EQ(taken.more(1).started().key().job(), 3U);
}

TEST(ControlQueueTest, AMessageThatFillsABatchEndsIt) {
  ControlQueue queue;
  queue.add(telemetry(static_cast<std::size_t>(limits::kLinkBatchBytesMax)));
  queue.add(started(1));
  EXPECT_EQ(queue.take(Duration(1)).more_size(), 0);
  EXPECT_FALSE(queue.is_empty());
  EXPECT_TRUE(queue.take(Duration(1)).has_started());
}

TEST(ControlQueueTest, AHeartbeatSaysTheIntervalOfWhenItGoes) {
  ControlQueue queue;
  EXPECT_FALSE(queue.has_heartbeat());
  queue.add(heartbeat());
  EXPECT_TRUE(queue.has_heartbeat());
  EXPECT_EQ(queue.take(Duration(250)).heartbeat().interval_ms(), 250U);
  EXPECT_FALSE(queue.has_heartbeat());
  queue.add(heartbeat());
  queue.clear();
  EXPECT_FALSE(queue.has_heartbeat());
  EXPECT_TRUE(queue.is_empty());
}

TEST(ControlQueueTest, OnlyReportsThatWereTakenCount) {
  ControlQueue queue;
  queue.add(telemetry(10));
  queue.add(started(1));
  queue.drop_telemetry();
  const auto size = static_cast<std::uint64_t>(telemetry(20).ByteSizeLong());
  queue.add(telemetry(20));
  EXPECT_EQ(queue.telemetry_bytes(), 0U);
  const v1::AgentMessage taken = queue.take(Duration(1));
  EXPECT_TRUE(taken.has_started());
  EXPECT_EQ(taken.more_size(), 1);
  EXPECT_EQ(queue.telemetry_bytes(), size);
  queue.clear();
  EXPECT_EQ(queue.telemetry_bytes(), size);
}

}  // namespace
}  // namespace hearth::agent
