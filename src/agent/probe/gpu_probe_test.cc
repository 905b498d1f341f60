#include "agent/probe/gpu_probe.h"

#include <gtest/gtest.h>

#include "agent/probe/testing/fake_gpu_source.h"
#include "base/testing/manual_clock.h"

namespace hearth::agent {
namespace {

class GpuProbeTest : public ::testing::Test {
 protected:
  void start() {
    std::vector<std::unique_ptr<GpuSource>> sources;
    sources.push_back(std::make_unique<FakeGpuSource>(first_));
    if (with_second_) {
      sources.push_back(std::make_unique<FakeGpuSource>(second_));
    }
    probe_ = std::make_unique<GpuProbe>(
        clock_, std::move(sources),
        GpuProbeOptions{.interval = Duration(1), .interval_max = Duration(1)});
  }
  // Until what is set has been read and published.
  void settle(FakeGpu& gpu) {
    gpu.wait_for_next_read();
    gpu.wait_for_next_read();
  }
  static GpuReading reading(double util) {
    return {
        .gpus = {{.index = 0, .name = "G", .util_percent = util}}, .processes = {}, .problem = {}};
  }

  hearth::testing::ManualClock clock_;
  FakeGpu first_;
  FakeGpu second_;
  bool with_second_ = false;
  std::unique_ptr<GpuProbe> probe_;
};

TEST_F(GpuProbeTest, ShowsTheLatestAnswer) {
  first_.set(reading(10));
  start();
  settle(first_);
  GpuSnapshot seen = probe_->latest();
  ASSERT_NE(seen.reading, nullptr);
  EXPECT_EQ(*seen.reading, reading(10));
  EXPECT_EQ(seen.stale_since, std::nullopt);
  EXPECT_EQ(seen.problem, "");
  first_.set(reading(20));
  settle(first_);
  EXPECT_EQ(probe_->latest().reading->gpus[0].util_percent, 20);
}

TEST_F(GpuProbeTest, NoGpuIsNoProblem) {
  first_.set(not_found("no library"));
  start();
  settle(first_);
  const GpuSnapshot seen = probe_->latest();
  EXPECT_EQ(seen.reading, nullptr);
  EXPECT_EQ(seen.stale_since, std::nullopt);
  EXPECT_EQ(seen.problem, "");
}

// The source waited for its thread, so that a driver that hung stopped everything.
TEST_F(GpuProbeTest, AHangLeavesThePreviousFiguresMarkedStale) {
  first_.set(reading(10));
  start();
  settle(first_);
  const TimePoint read_at = clock_.now();
  first_.hang();
  first_.wait_for_hanging_read();
  EXPECT_EQ(probe_->latest().stale_since, std::nullopt) << "it may still answer in time";
  clock_.advance(limits::kGpuDeadline + std::chrono::seconds(2));
  GpuSnapshot seen = probe_->latest();
  ASSERT_NE(seen.reading, nullptr);
  EXPECT_EQ(*seen.reading, reading(10));
  EXPECT_EQ(seen.stale_since, read_at);
  EXPECT_EQ(seen.problem, "the GPU driver has not answered for 7 s");
  first_.set(reading(30));
  first_.go_on();
  settle(first_);
  seen = probe_->latest();
  EXPECT_EQ(seen.stale_since, std::nullopt);
  EXPECT_EQ(seen.reading->gpus[0].util_percent, 30);
  EXPECT_EQ(seen.problem, "");
}

TEST_F(GpuProbeTest, AHangFromTheStartIsSaidToo) {
  first_.hang();
  start();
  first_.wait_for_hanging_read();
  clock_.advance(limits::kGpuDeadline * 2);
  const GpuSnapshot seen = probe_->latest();
  EXPECT_EQ(seen.reading, nullptr);
  EXPECT_EQ(seen.problem, "the GPU driver has not answered for 10 s");
}

TEST_F(GpuProbeTest, AnErrorKeepsThePreviousFiguresAndSaysWhy) {
  first_.set(reading(10));
  start();
  settle(first_);
  const TimePoint read_at = clock_.now();
  clock_.advance(Duration(1));
  first_.set(unavailable("GPU 0 has fallen off the bus"));
  settle(first_);
  GpuSnapshot seen = probe_->latest();
  EXPECT_EQ(*seen.reading, reading(10));
  EXPECT_LE(read_at, seen.stale_since);
  EXPECT_EQ(seen.problem, "GPU 0 has fallen off the bus");
  first_.set(not_found("no library any more"));
  settle(first_);
  EXPECT_EQ(probe_->latest().problem, "no library any more") << "there was one before";
}

TEST_F(GpuProbeTest, TheSecondSourceIsAskedWhenTheFirstHasNoAnswer) {
  with_second_ = true;
  first_.set(unavailable("driver and library differ"));
  second_.set(reading(5));
  start();
  settle(first_);
  EXPECT_EQ(probe_->latest().reading->gpus[0].util_percent, 5);
  EXPECT_EQ(probe_->latest().problem, "");
  second_.set(not_found("no nvidia-smi"));
  settle(first_);
  EXPECT_EQ(probe_->latest().problem, "driver and library differ");
}

}  // namespace
}  // namespace hearth::agent
