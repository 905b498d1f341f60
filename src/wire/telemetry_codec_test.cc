#include "wire/telemetry_codec.h"

#include <gtest/gtest.h>

#include "base/telemetry_limits.h"
#include "wire/testing/random_model.h"

namespace hearth::wire {
namespace {

// Of workers that have every figure, and large ones.
TelemetryReport busy_report(std::uint64_t workers) {
  TelemetryReport report;
  report.whole = true;
  for (std::uint64_t i = 0; i < workers; ++i) {
    WorkerReport& worker = report.workers.emplace_back();
    worker.info = {.id = WorkerId("6h032stg8" + std::to_string(1'000 + i) + "-1"),
                   .runtime = "command",
                   .key = "",
                   .state = WorkerState::Busy,
                   .jobs = {JobId((1ULL << 62U) + i)}};
    worker.sample = {.pid = 2'000'000,
                     .uptime = Duration(3'600'000),
                     .cpu_percent = 199.87,
                     .cpu_ms = 7'000'000,
                     .memory_bytes = 34LL << 30U,
                     .memory_peak_bytes = 35LL << 30U,
                     .memory_anon_bytes = 30LL << 30U,
                     .memory_file_bytes = 4LL << 30U,
                     .io_read_bytes_per_sec = 500'000'000,
                     .io_write_bytes_per_sec = 500'000'000,
                     .pids = 4'000,
                     .throttled_percent = 99.99,
                     .oom_kills = 1,
                     .pressure = {.cpu = 12.5, .memory = 99.99, .io = 50.0},
                     .gpus = {{.index = 0, .util_percent = 99.5, .memory_bytes = 20LL << 30U}},
                     .model = "/models/tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf"};
  }
  return report;
}

TEST(TelemetryCodecTest, ReportsRoundTripThroughBytes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TelemetryReport report = testing::RandomModel(seed).telemetry_report();
    v1::TelemetryReport proto;
    to_proto(report, proto);
    v1::TelemetryReport received;
    ASSERT_TRUE(received.ParseFromString(proto.SerializeAsString()));
    EXPECT_EQ(to_model(received).value(), report);
  }
}

TEST(TelemetryCodecTest, WhatIsNotKnownStaysUnknown) {
  TelemetryReport report;
  report.workers.push_back({.info = {.id = WorkerId("w")}, .sample = {}});
  report.machine.emplace();
  v1::TelemetryReport proto;
  to_proto(report, proto);
  EXPECT_EQ(to_model(proto).value(), report);
  report.workers[0].sample.cpu_percent = 0;
  to_proto(report, *&(proto = {}));
  EXPECT_EQ(to_model(proto).value().workers[0].sample.cpu_percent, 0.0);
}

TEST(TelemetryCodecTest, FiguresThatCannotBeAreNotSentAsHugeOnes) {
  TelemetryReport report;
  WorkerSample& sample = report.workers.emplace_back().sample;
  report.workers[0].info.id = WorkerId("w");
  sample.memory_bytes = -1;
  sample.cpu_percent = -5.0;
  v1::TelemetryReport proto;
  to_proto(report, proto);
  const TelemetryReport received = to_model(proto).value();
  EXPECT_EQ(received.workers[0].sample.memory_bytes, 0);
  EXPECT_EQ(received.workers[0].sample.cpu_percent, 0.0);
}

// Issue: a heartbeat of 100 workers takes less than 20 KB.
TEST(TelemetryCodecTest, AReportOfAHundredBusyWorkersIsSmall) {
  constexpr std::size_t kBytesMax = 20'000;
  const TelemetryReport report = busy_report(100);
  v1::TelemetryReport proto;
  to_proto(report, proto);
  RecordProperty("bytes", static_cast<int>(proto.ByteSizeLong()));
  EXPECT_LT(proto.ByteSizeLong(), kBytesMax);
  EXPECT_EQ(to_model(proto).value(), report);
}

TEST(TelemetryCodecTest, AReportOfAsManyWorkersAsAnAgentMayHaveIsOneMessage) {
  v1::TelemetryReport proto;
  to_proto(busy_report(limits::kWorkersPerAgentMax), proto);
  EXPECT_LT(proto.ByteSizeLong(), static_cast<std::size_t>(limits::kLinkMessageBytesMax));
  EXPECT_TRUE(to_model(proto));
}

TEST(TelemetryCodecTest, RefusesWhatNoAgentSends) {
  v1::TelemetryReport report;
  report.add_workers()->set_id("no good");
  EXPECT_EQ(to_model(report).error().code, ErrorCode::DataLoss);
  report.mutable_workers(0)->set_id("w");
  EXPECT_TRUE(to_model(report));
  report.mutable_workers(0)->set_state(kWorkerStateCount);
  EXPECT_FALSE(to_model(report));
  report.mutable_workers(0)->set_state(0);
  report.add_gone("../x");
  EXPECT_FALSE(to_model(report));
  report.clear_gone();
  for (std::int64_t i = 0; i <= limits::kGpusReportedMax; ++i) {
    report.mutable_machine()->add_gpus();
  }
  EXPECT_FALSE(to_model(report));
  report.clear_machine();
  for (std::int64_t i = 0; i < limits::kWorkersPerAgentMax; ++i) {
    report.add_workers()->set_id("w" + std::to_string(i));
  }
  EXPECT_EQ(to_model(report).error().limit, "kWorkersPerAgentMax");
}

TEST(TelemetryCodecTest, QueriesAreCutToWhatIsKept) {
  TelemetryQuery query{.worker = WorkerId("w"),
                       .from_ago = std::chrono::minutes(5),
                       .step = Duration(2'000),
                       .points_max = 100};
  v1::TelemetryQuery proto;
  to_proto(query, proto);
  const TelemetryQuery received = to_model(proto);
  EXPECT_EQ(received.worker, query.worker);
  EXPECT_EQ(received.from_ago, query.from_ago);
  EXPECT_EQ(received.step, query.step);
  EXPECT_EQ(received.points_max, query.points_max);
  proto.set_from_ago_ms(~0ULL);
  proto.set_points_max(~0ULL);
  EXPECT_EQ(to_model(proto).from_ago, limits::kTelemetryKeptFor);
  EXPECT_EQ(to_model(proto).points_max, limits::kTelemetryPointsMax);
}

TEST(TelemetryCodecTest, SeriesKeepTheirGapsAndTheirErrors) {
  const TelemetrySeries series{.columns = {"cpuPercent", "memoryBytes"},
                               .ages = {Duration(2'000), Duration(1'000)},
                               .values = {{12.5, std::nullopt}, {1024.0, 2048.0}}};
  v1::TelemetryAnswer proto;
  to_proto(Result<TelemetrySeries>(series), proto);
  EXPECT_EQ(to_model(proto).value(), series);
  proto.mutable_columns(0)->clear_values();
  EXPECT_EQ(to_model(proto).error().code, ErrorCode::DataLoss);
  proto.Clear();
  to_proto(Result<TelemetrySeries>(not_found("no such worker")), proto);
  EXPECT_EQ(to_model(proto).error().code, ErrorCode::NotFound);
  EXPECT_EQ(to_model(proto).error().message, "no such worker");
}

}  // namespace
}  // namespace hearth::wire
