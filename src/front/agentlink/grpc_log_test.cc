#include "front/agentlink/grpc_log.h"

#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/door_limits.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"

namespace hearth::front::agentlink {
namespace {

TEST(GrpcLogTest, TellsOfHandshakesAtABoundedRateAndCountsThemAll) {
  hearth::testing::RecordingLog log;
  hearth::testing::ManualClock clock;
  GrpcLog lines(log, clock);
  for (std::int64_t i = 0; i < limits::kRefusalsLoggedPerMinuteMax + 3; ++i) {
    gpr_log(GPR_ERROR, "Handshake failed with fatal error %s: %s.", "SSL_ERROR_SSL", "unknown ca");
  }
  const std::string text = log.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), limits::kRefusalsLoggedPerMinuteMax);
  EXPECT_NE(text.find("unknown ca"), std::string::npos) << text;
  EXPECT_EQ(lines.handshakes_failed(), limits::kRefusalsLoggedPerMinuteMax + 3);
  clock.advance(std::chrono::seconds(1));
  gpr_log(GPR_ERROR, "Handshake failed with fatal error %s.", "again");
  EXPECT_NE(log.text().find("not_logged_before=3"), std::string::npos);
}

TEST(GrpcLogTest, WhatElseGrpcSaysIsForDebug) {
  hearth::testing::RecordingLog log;
  hearth::testing::ManualClock clock;
  {
    const GrpcLog lines(log, clock);
    gpr_log(GPR_ERROR, "something of its own");
  }
  EXPECT_EQ(log.text(), "grpc: something of its own\n");
  ::testing::internal::CaptureStderr();
  gpr_log(GPR_ERROR, "after the end");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace hearth::front::agentlink
