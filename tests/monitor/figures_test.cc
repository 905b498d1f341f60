// What the monitor's figures say, held against what was done: a worker reads, writes, forks, burns
// or eats a known amount, and the collector has to tell it. The clock is moved by hand, one second
// for each step, so that a rate is the amount and no machine is too slow for it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/limits.h"
#include "base/testing/manual_clock.h"
#include "tests/monitor/worker_fixture.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kBlockBytes = limits::kMiB;
constexpr std::int64_t kBlocks = 8;
constexpr std::int64_t kBytes = kBlocks * kBlockBytes;
// What a file system may read and write of its own beside it (block maps, an inode, a journal).
constexpr std::int64_t kOwnBytesMax = limits::kMiB / 2;

struct Amounts {
  std::int64_t read = 0;
  std::int64_t written = 0;
};

class FiguresTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    if (!IsSkipped()) {
      make_collector(nullptr, watched_clock_);
    }
  }

  // Memory file systems do no I/O, and those without a device of their own (network, overlays) do
  // it elsewhere.
  [[nodiscard]] bool has_disk() const {
    struct stat status {};
    return stat(dir_.path().c_str(), &status) == 0 && major(status.st_dev) != 0;
  }

  // Of a second in which `work` is done by one more process of the group.
  WorkerSample second_of(CgroupHandle& group, const std::function<void()>& work) {
    run_in(group, [&](const auto& done) {
      work();
      done();
    });
    return next_second(group);
  }
  WorkerSample next_second(CgroupHandle& group) {
    watched_clock_.advance(std::chrono::seconds(1));
    return sample(group.name());
  }
  // As the rate of one second.
  static Amounts io_of(const WorkerSample& seen) {
    EXPECT_TRUE(seen.io_read_bytes_per_sec && seen.io_write_bytes_per_sec);
    return {.read = seen.io_read_bytes_per_sec.value_or(-1),
            .written = seen.io_write_bytes_per_sec.value_or(-1)};
  }
  static void expect_amount(std::int64_t told, std::int64_t done, const char* what) {
    EXPECT_GE(told, done) << what;
    EXPECT_LE(told, done + kOwnBytesMax) << what;
  }
  // A worker that only waits, watched from now on.
  CgroupHandle& idle_worker(const std::string& name, const GroupLimits& limits = {}) {
    CgroupHandle& group = make_group(name, limits);
    watch(group, run_in(group, [](const auto& done) { done(); }));
    return group;
  }

  // The rest is for forks: what fails ends them, and run_in tells.
  static int open_or_end(const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) {
      _exit(kChildFailed);
    }
    return fd;
  }
  static void* aligned_block() {
    void* block = nullptr;
    if (posix_memalign(&block, 4096, kBlockBytes) != 0) {
      _exit(kChildFailed);
    }
    std::memset(block, 'x', kBlockBytes);
    return block;
  }
  static void write_blocks(int fd) {
    void* const block = aligned_block();
    for (int i = 0; i < kBlocks; ++i) {
      if (write(fd, block, kBlockBytes) != kBlockBytes) {
        _exit(kChildFailed);
      }
    }
  }
  static void read_blocks(int fd, std::int64_t count) {
    void* const block = aligned_block();
    for (int i = 0; i < count; ++i) {
      if (read(fd, block, kBlockBytes) != kBlockBytes) {
        _exit(kChildFailed);
      }
    }
  }

  hearth::testing::ManualClock watched_clock_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, FiguresTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1),
                         [](const auto& driver) { return std::string(to_string(driver.param)); });

#define SKIP_WITHOUT_DISK()                                                                   \
  if (!has_disk()) {                                                                          \
    GTEST_SKIP() << "NOT RUN HERE: " << dir_.path() << " is not on a disk; runs in tests/vm"; \
  }                                                                                           \
  static_assert(true)

TEST_P(FiguresTest, DirectIoIsWhatWasReadAndWritten) {
  SKIP_WITHOUT_DISK();
  const std::string path = dir_.file("direct");
  CgroupHandle& group = idle_worker("w1");
  const Amounts written = io_of(
      second_of(group, [&] { write_blocks(open_or_end(path, O_WRONLY | O_CREAT | O_DIRECT)); }));
  expect_amount(written.written, kBytes, "written");
  expect_amount(written.read, 0, "read while writing");

  const Amounts read =
      io_of(second_of(group, [&] { read_blocks(open_or_end(path, O_RDONLY | O_DIRECT), 4); }));
  expect_amount(read.read, 4 * kBlockBytes, "read");
  expect_amount(read.written, 0, "written while reading");

  const Amounts idle = io_of(next_second(group));
  expect_amount(idle.read, 0, "read while idle");
  expect_amount(idle.written, 0, "written while idle");
}

// The kernel writes them back later and by itself; on v2 they are still the worker's who made them.
// Where processes are asked (v1, hybrid) they count when made. Either way: once, and all of them.
TEST_P(FiguresTest, BufferedWritesAreTheWorkersThoughOthersWriteThemBack) {
  SKIP_WITHOUT_DISK();
  const std::string path = dir_.file("buffered");
  CgroupHandle& group = idle_worker("w1");
  const Amounts made =
      io_of(second_of(group, [&] { write_blocks(open_or_end(path, O_WRONLY | O_CREAT)); }));
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(syncfs(fd), 0) << "by the test, which is not in the group";
  const Amounts written_back = io_of(next_second(group));
  expect_amount(made.written + written_back.written, kBytes, "written");
  if (GetParam() == Enforcement::V2) {
    EXPECT_GE(written_back.written, kBytes / 2) << "the kernel has not hurried that much";
  }

  ASSERT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
  close(fd);
  const auto read_all = [&] { read_blocks(open_or_end(path, O_RDONLY), kBlocks); };
  expect_amount(io_of(second_of(group, read_all)).read, kBytes, "read from the disk");
  expect_amount(io_of(second_of(group, read_all)).read, 0, "read from memory");
}

TEST_P(FiguresTest, IoOfOneWorkerIsNotAnothers) {
  SKIP_WITHOUT_DISK();
  CgroupHandle& idle = idle_worker("idle");
  CgroupHandle& busy = idle_worker("busy");
  const Amounts written = io_of(second_of(
      busy, [&] { write_blocks(open_or_end(dir_.file("busy"), O_WRONLY | O_CREAT | O_DIRECT)); }));
  expect_amount(written.written, kBytes, "written");
  const Amounts other = io_of(sample(idle.name()));
  EXPECT_EQ(other.written, 0);
  EXPECT_EQ(other.read, 0);
}

TEST_P(FiguresTest, PidsStandAtTheLimitWhenItRefusesAFork) {
  constexpr int kPidsMax = 4;
  CgroupHandle& group = make_group("w1", {.pids = kPidsMax});
  watch(group, run_in(group, [](const auto& done) {
          // Some of the places may be a sanitizer's threads'.
          for (int made = 0; made < kPidsMax; ++made) {
            const pid_t child = fork();
            if (child < 0 && errno == EAGAIN) {
              done();
              return;
            }
            if (child <= 0) {
              break;
            }
          }
        }));
  EXPECT_EQ(sample("w1").pids, kPidsMax);
}

// Of the periods since the sample before, those in which it was held back.
TEST_P(FiguresTest, ThrottledIsWhoeverWantsMoreThanItsQuota) {
  CgroupHandle& modest = idle_worker("modest", {.cpu_limit_milli = 1'000});
  EXPECT_EQ(next_second(modest).throttled_percent, 0);

  // So little that the busiest machine gives more.
  CgroupHandle& greedy = idle_worker("greedy", {.cpu_limit_milli = 20});
  const WorkerSample seen = second_of(greedy, [] { use_cpu(15); });
  EXPECT_GE(seen.throttled_percent, 50) << "of about seven periods all but the last";
  EXPECT_LE(seen.throttled_percent, 100);
  EXPECT_GE(seen.cpu_ms, 14) << "rounded down";
}

TEST_P(FiguresTest, TheMemoryLimitEndsTheWholeGroupAndIsCounted) {
  CgroupHandle& group = make_group("w1", {.memory_bytes = 32 * limits::kMiB});
  const auto told = group.watch_oom();
  ASSERT_TRUE(told) << told.error().message;
  // The first process and one beside it are no bigger than they were; a third one is too big.
  const pid_t first = run_in(group, [](const auto& done) { done(); });
  const pid_t beside = run_in(group, [](const auto& done) { done(); });
  watch(group, first);
  EXPECT_EQ(sample("w1").oom_kills, 0);
  EXPECT_GE(sample("w1").pids, 2);
  const pid_t big = run_in(group, [](const auto& done) {
    done();
    use_memory(256 * limits::kMiB);
  });
  if (*told >= 0) {  // the kernel ends one process and tells; who watches ends the others
    pollfd notice{.fd = *told, .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&notice, 1, kPatienceMs), 1);
    while (group.usage().value().oom_kills == 0) {  // counted a moment after the notice
      poll(nullptr, 0, 1);
    }
    ASSERT_TRUE(group.kill_all());
  }
  for (const pid_t pid : {first, beside, big}) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << pid;
  }
  const WorkerSample after = sample("w1");
  EXPECT_GE(after.oom_kills, 1);
  EXPECT_EQ(after.pids, 0);
}

}  // namespace
}  // namespace hearth::agent
