#include "wire/link_codec.h"

#include <gtest/gtest.h>

#include "wire/testing/random_model.h"

namespace hearth::wire {
namespace {

TEST(LinkCodecTest, RoundTripsThroughBytes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::RandomModel random(seed);
    const AgentInfo info = random.agent_record().info;
    v1::Hello hello;
    to_proto(info, hello);
    v1::Hello received;
    ASSERT_TRUE(received.ParseFromString(hello.SerializeAsString()));
    EXPECT_EQ(to_model(received).value(), info);

    const AttemptResult result = random.attempt_result();
    v1::AttemptResultProto proto;
    to_proto(result, proto);
    EXPECT_EQ(to_model(proto).value(), result);
  }
  const AttemptKey key{.job = JobId(~0ULL), .attempt = 3, .epoch = 1ULL << 63U};
  v1::AttemptKey proto;
  to_proto(key, proto);
  EXPECT_EQ(to_model(proto), key);
}

TEST(LinkCodecTest, UnknownFiguresStayUnknown) {
  v1::Heartbeat heartbeat;
  to_proto(AgentUsage{.cpu_percent = std::nullopt, .memory_bytes = 0}, heartbeat);
  const AgentUsage usage = to_model(heartbeat);
  EXPECT_FALSE(usage.cpu_percent);
  EXPECT_EQ(usage.memory_bytes, 0);
}

TEST(LinkCodecTest, HowOftenAnAgentBeatsIsToldAndWithinBounds) {
  v1::Heartbeat heartbeat;
  to_proto(AgentUsage{.cpu_percent = {}, .memory_bytes = {}, .heartbeat_interval = Duration(25)},
           heartbeat);
  EXPECT_EQ(to_model(heartbeat).heartbeat_interval, Duration(25));
  heartbeat.clear_interval_ms();
  EXPECT_EQ(to_model(heartbeat).heartbeat_interval, std::nullopt);
  heartbeat.set_interval_ms(~std::uint64_t{0});
  EXPECT_EQ(to_model(heartbeat).heartbeat_interval, limits::kHeartbeatIntervalMax);

  v1::HeartbeatWanted wanted;
  EXPECT_EQ(to_model(wanted), Duration(1));
  wanted.set_interval_ms(~std::uint64_t{0});
  EXPECT_EQ(to_model(wanted), limits::kHeartbeatIntervalMax);
}

TEST(LinkCodecTest, RefusesAHelloThatNamesNobodyOrUnknownLevels) {
  v1::Hello hello;
  EXPECT_EQ(to_model(hello).error().code, ErrorCode::DataLoss);
  hello.set_id("a1");
  EXPECT_TRUE(to_model(hello));
  hello.set_enforcement(4);
  EXPECT_FALSE(to_model(hello));
  hello.set_enforcement(3);
  hello.add_sandboxes(3);
  EXPECT_FALSE(to_model(hello));
}

TEST(LinkCodecTest, RefusesAStreamThatDoesNotExist) {
  EXPECT_EQ(to_stream(1).value(), StreamKind::Stderr);
  EXPECT_EQ(to_stream(2).value(), StreamKind::Results);
  EXPECT_FALSE(to_stream(3));
  EXPECT_FALSE(to_stream(7));
}

}  // namespace
}  // namespace hearth::wire
