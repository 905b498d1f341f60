#include "agent/telemetry/history.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hearth::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

MachineSample busy(double cpu) {
  MachineSample sample;
  sample.cpu_percent = cpu;
  return sample;
}

WorkerSample old_worker(double cpu) {
  WorkerSample sample;
  sample.uptime = minutes(1);
  sample.cpu_percent = cpu;
  return sample;
}

std::vector<std::optional<double>> column(const TelemetrySeries& series, const std::string& name) {
  const auto found = std::find(series.columns.begin(), series.columns.end(), name);
  EXPECT_NE(found, series.columns.end()) << name;
  return series.values[static_cast<std::size_t>(found - series.columns.begin())];
}

using Values = std::vector<std::optional<double>>;

TEST(TelemetryHistoryTest, GivesEachPointWithItsAgeOldestFirst) {
  TelemetryHistory history;
  for (int i = 0; i < 3; ++i) {
    history.add(seconds(100 + i), busy(i));
  }
  const TelemetrySeries all = history.read({.points_max = 100}, seconds(103)).value();
  EXPECT_EQ(all.ages, (std::vector<Duration>{seconds(3), seconds(2), seconds(1)}));
  EXPECT_EQ(column(all, "cpuPercent"), (Values{0.0, 1.0, 2.0}));
  EXPECT_EQ(column(all, "load1m"), (Values{std::nullopt, std::nullopt, std::nullopt}));
  const TelemetrySeries late =
      history.read({.from_ago = seconds(2), .points_max = 100}, seconds(103)).value();
  EXPECT_EQ(column(late, "cpuPercent"), (Values{1.0, 2.0}));
}

TEST(TelemetryHistoryTest, StepsAreMeansOfWhatWasKnown) {
  TelemetryHistory history;
  history.add(seconds(10), busy(10));
  history.add(seconds(11), MachineSample{});
  history.add(seconds(12), busy(30));
  history.add(seconds(13), busy(50));
  const TelemetrySeries series =
      history.read({.step = seconds(3), .points_max = 100}, seconds(14)).value();
  EXPECT_EQ(column(series, "cpuPercent"), (Values{20.0, 50.0}));
  EXPECT_EQ(series.ages, (std::vector<Duration>{seconds(2), seconds(1)}));
}

TEST(TelemetryHistoryTest, NeverMorePointsThanAskedFor) {
  TelemetryHistory history;
  for (int i = 0; i < 3'600; ++i) {
    history.add(seconds(i), busy(1));
  }
  for (const std::int64_t most : {1, 7, 100, 3'599}) {
    const TelemetrySeries series = history.read({.points_max = most}, seconds(3'600)).value();
    EXPECT_LE(static_cast<std::int64_t>(series.ages.size()), most);
    EXPECT_GE(static_cast<std::int64_t>(series.ages.size()), (most + 1) / 2);
  }
}

TEST(TelemetryHistoryTest, YoungWorkersAreLeftOut) {
  TelemetryHistory history;
  WorkerSample sample = old_worker(5);
  sample.uptime = seconds(9);
  history.add(seconds(1), WorkerId("w"), sample);
  sample.uptime.reset();
  history.add(seconds(2), WorkerId("w"), sample);
  EXPECT_EQ(history.read({.worker = WorkerId("w")}, seconds(3)).error().code, ErrorCode::NotFound);
  sample.uptime = seconds(10);
  history.add(seconds(3), WorkerId("w"), sample);
  EXPECT_EQ(column(history.read({.worker = WorkerId("w"), .points_max = 9}, seconds(4)).value(),
                   "cpuPercent"),
            Values{5.0});
}

TEST(TelemetryHistoryTest, AnEndedWorkerIsRememberedForAsLongAsItsRows) {
  TelemetryHistory history;
  history.add(seconds(1), WorkerId("w"), old_worker(5));
  history.forget_past(minutes(60));
  EXPECT_EQ(history.workers(), 1U);
  history.forget_past(minutes(60) + seconds(2));
  EXPECT_EQ(history.workers(), 0U);
  EXPECT_EQ(history.bytes(), 0);
}

TEST(TelemetryHistoryTest, StaysWithinItsBytesAndKeepsThePresentOfAll) {
  TelemetryHistory history({.bytes_max = 100'000});
  for (int i = 0; i < 1'000; ++i) {
    history.add(seconds(i), busy(i));
    for (int w = 0; w < 5; ++w) {
      history.add(seconds(i), WorkerId("w" + std::to_string(w)), old_worker(i));
    }
    ASSERT_LE(history.bytes(), 100'000);
  }
  EXPECT_EQ(history.workers(), 5U);
  for (int w = 0; w < 5; ++w) {
    const auto values =
        column(history
                   .read({.worker = WorkerId("w" + std::to_string(w)), .points_max = 4'000},
                         seconds(1'000))
                   .value(),
               "cpuPercent");
    ASSERT_GE(values.size(), 100U);
    EXPECT_EQ(values.back(), 999.0);
  }
}

TEST(TelemetryHistoryTest, SeveralGpusAreOneColumn) {
  TelemetryHistory history;
  MachineSample sample;
  sample.gpus = {{.index = 0, .util_percent = 20.0, .memory_used_bytes = 100},
                 {.index = 1, .util_percent = 80.0},
                 {.index = 2, .memory_used_bytes = 50}};
  history.add(seconds(1), sample);
  const TelemetrySeries series = history.read({.points_max = 9}, seconds(1)).value();
  EXPECT_EQ(column(series, "gpuUtilPercent"), Values{80.0});
  EXPECT_EQ(column(series, "gpuMemoryUsedBytes"), Values{150.0});
  EXPECT_EQ(column(series, "gpuMemoryTotalBytes"), Values{std::nullopt});
}

}  // namespace
}  // namespace hearth::agent
