#include "agent/probe/smi_source.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/limits.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {
namespace {

// nvidia-smi as a script of the test; "$1" is the query.
class SmiSourceTest : public ::testing::Test {
 protected:
  void script(const std::string& body) {
    const std::string path = dir_.file("nvidia-smi");
    std::ofstream(path) << "#!/bin/sh\necho \"$1\" >> " << dir_.file("calls") << "\n" << body;
    chmod(path.c_str(), 0755);
    auto made = SmiSource::create(clock_, path, deadline_);
    ASSERT_TRUE(made);
    source_ = std::move(*made);
  }
  std::string file(const std::string& name) {
    std::ifstream in(dir_.file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  SystemClock clock_;
  Duration deadline_{20'000};
  hearth::testing::TempDir dir_;
  std::unique_ptr<SmiSource> source_;
};

constexpr const char* kTwoGpus = R"(case "$1" in
  --query-gpu*) echo '0, GPU-a, NVIDIA H100, 37, 8192, 81559, 61'
                echo '1, GPU-b, NVIDIA H100, [N/A], 1, 81559, 50' ;;
  --query-compute-apps*) for pid in 1 2 3; do echo "GPU-a, 100$pid, $pid"; done ;;
esac
)";

TEST_F(SmiSourceTest, TwoCallsHoweverManyProcesses) {
  script(kTwoGpus);
  const auto reading = source_->read();
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_EQ(reading->gpus.size(), 2U);
  ASSERT_EQ(reading->processes.size(), 3U);
  EXPECT_EQ(reading->processes[2].memory_bytes, 3 * limits::kMiB);
  EXPECT_EQ(reading->processes[2].util_percent, std::nullopt) << "not to be had this way";
  EXPECT_EQ(reading->problem, "");
  const std::string calls = file("calls");
  EXPECT_EQ(std::count(calls.begin(), calls.end(), '\n'), 2);
}

TEST_F(SmiSourceTest, NoProgramIsNoGpu) {
  auto none = SmiSource::create(clock_, "/nonexistent/nvidia-smi", deadline_);
  ASSERT_TRUE(none);
  EXPECT_EQ((*none)->read().error().code, ErrorCode::NotFound);
  script("echo 'No devices were found'\nexit 6\n");
  EXPECT_EQ(source_->read().error().code, ErrorCode::NotFound);
}

TEST_F(SmiSourceTest, AnErrorSaysWhatTheProgramSaid) {
  script("echo 'NVIDIA-SMI has failed because'\necho more\nexit 9\n");
  const auto reading = source_->read();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(reading.error().message,
            "nvidia-smi ended with exit code 9: NVIDIA-SMI has failed because");
}

TEST_F(SmiSourceTest, GarbledLinesAreSaid) {
  script("echo '0, GPU-a, T4, 1, 2, 3, 4'\necho 'WARNING: infoROM is corrupted'\n");
  const auto reading = source_->read();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->gpus.size(), 1U);
  EXPECT_NE(reading->problem.find("cannot be understood"), std::string::npos);
  script("echo rubbish\n");
  EXPECT_EQ(source_->read().error().code, ErrorCode::DataLoss);
}

// The source's "timeout" joined a thread that waited for ever.
TEST_F(SmiSourceTest, AHangIsKilledWithAllItsProcesses) {
  deadline_ = Duration(300);
  ASSERT_EQ(mkfifo(dir_.file("never").c_str(), 0600), 0);
  // Ignores polite signals, and so does its child, which keeps the pipe open.
  script("trap '' TERM INT HUP\n(read x < " + dir_.file("never") + ") &\necho $! > " +
         dir_.file("child") + "\nread x < " + dir_.file("never") + "\n");
  const auto reading = source_->read();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::DeadlineExceeded);
  const std::string child = file("child");
  if (!child.empty()) {  // the machine may have been too busy for it to get so far
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, std::stoi(child), 0));
    pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
    EXPECT_TRUE(fd < 0 || poll(&ended, 1, 20'000) == 1) << "its child lives";
    close(fd);
  }
}

TEST_F(SmiSourceTest, AProcessLeftBehindWithThePipeIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(dir_.file("never").c_str(), 0600), 0);
  script("(read x < " + dir_.file("never") + ") &\necho '0, GPU-a, T4, 1, 2, 3, 4'\n");
  const auto reading = source_->read();
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_EQ(reading->gpus.size(), 1U);
}

TEST_F(SmiSourceTest, OutputHasABound) {
  script("head -c 3000000 /dev/zero\n");
  EXPECT_EQ(source_->read().error().code, ErrorCode::ResourceExhausted);
}

TEST_F(SmiSourceTest, CancelEndsACallAtOnce) {
  ASSERT_EQ(mkfifo(dir_.file("begun").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(dir_.file("never").c_str(), 0600), 0);
  script("echo x > " + dir_.file("begun") + "\nread x < " + dir_.file("never") + "\n");
  std::thread stopper([this] {
    EXPECT_EQ(file("begun"), "x\n");
    source_->cancel();
  });
  const auto reading = source_->read();
  stopper.join();
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace hearth::agent
