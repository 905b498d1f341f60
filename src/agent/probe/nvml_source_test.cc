#include "agent/probe/nvml_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "agent/probe/gpu_probe.h"
#include "base/limits.h"
#include "base/testing/manual_clock.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

// The library below testing/ does what the test writes down for it.
class NvmlSourceTest : public ::testing::Test {
 protected:
  void SetUp() override { setenv("FAKE_NVML_STATE", dir_.file("state").c_str(), 1); }
  void script(const std::string& lines) {
    std::ofstream(dir_.file("new")) << lines;
    ASSERT_EQ(std::rename(dir_.file("new").c_str(), dir_.file("state").c_str()), 0);
  }

  hearth::testing::TempDir dir_;
  NvmlSource source_{HEARTH_FAKE_NVML};
};

TEST_F(NvmlSourceTest, AMissingLibraryIsNoGpu) {
  NvmlSource none("libhearth-no-such-nvml.so.1");
  const auto reading = none.read();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::NotFound);
}

TEST_F(NvmlSourceTest, SeveralGpusAndTheirProcesses) {
  script("gpus 2\nprocess 0 4711 1073741824 35\nprocess 1 4711 none 0\nprocess 1 4712 1024 7\n");
  const auto reading = source_.read();
  ASSERT_TRUE(reading) << reading.error().message;
  ASSERT_EQ(reading->gpus.size(), 2U);
  EXPECT_EQ(reading->gpus[1], (MachineGpu{.index = 1,
                                          .name = "Fake GPU 1",
                                          .util_percent = 38,
                                          .memory_used_bytes = 8 * limits::kGiB,
                                          .memory_total_bytes = 80 * limits::kGiB,
                                          .temperature_celsius = 61}));
  ASSERT_EQ(reading->processes.size(), 3U);
  EXPECT_EQ(reading->processes[0],
            (GpuProcess{.gpu = 0, .pid = 4711, .util_percent = 35, .memory_bytes = limits::kGiB}))
      << "of two samples the newer one, in whatever order";
  EXPECT_EQ(reading->processes[1],
            (GpuProcess{.gpu = 1, .pid = 4711, .util_percent = 0, .memory_bytes = {}}));
  EXPECT_EQ(reading->processes[2].util_percent, 7);
  EXPECT_EQ(reading->problem, "");
}

TEST_F(NvmlSourceTest, IdleIsZeroAndUnsupportedIsUnknown) {
  script("process 0 4711 1 0\n");
  auto reading = source_.read();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->processes.at(0).util_percent, 0) << "NVML answers \"not found\"";
  script("process 0 4711 1 50\nshares 3\n");
  reading = source_.read();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->processes.at(0).util_percent, std::nullopt);
}

TEST_F(NvmlSourceTest, ADriverThatIsNotLoadedIsAProblemUntilItIs) {
  script("init 9\n");
  auto reading = source_.read();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::Unavailable);
  EXPECT_NE(reading.error().message.find("Driver Not Loaded"), std::string::npos);
  script("gpus 1\n");
  EXPECT_TRUE(source_.read());
  script("gpus 0\n");
  EXPECT_EQ(source_.read().error().code, ErrorCode::NotFound);
}

TEST_F(NvmlSourceTest, OneLostGpuLeavesTheOthers) {
  script("gpus 3\nlost 1\n");
  auto reading = source_.read();
  ASSERT_TRUE(reading);
  ASSERT_EQ(reading->gpus.size(), 2U);
  EXPECT_EQ(reading->gpus[1].index, 2);
  EXPECT_NE(reading->problem.find("GPU 1 does not answer"), std::string::npos);
  script("gpus 1\nlost 0\n");
  reading = source_.read();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::Unavailable);
}

// A driver that hangs inside the library cannot be interrupted: the probe goes without it.
TEST_F(NvmlSourceTest, AHangInTheLibraryHoldsUpNobody) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  script("hang " + fifo + "\n");
  hearth::testing::ManualClock clock;
  {
    std::vector<std::unique_ptr<GpuSource>> sources;
    sources.push_back(std::make_unique<NvmlSource>(HEARTH_FAKE_NVML));
    GpuProbe probe(clock, std::move(sources), {.interval = Duration(1)});
    GpuSnapshot seen = probe.latest();
    while (seen.problem.empty()) {
      clock.advance(std::chrono::seconds(1));
      seen = probe.latest();
    }
    EXPECT_EQ(seen.reading, nullptr);
    EXPECT_NE(seen.problem.find("has not answered"), std::string::npos);
  }
  // The thread is left behind by now; it ends when the driver lets go of it.
  const int writer = open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  EXPECT_GE(writer, 0);
  close(writer);
}

}  // namespace
}  // namespace hearth::agent
