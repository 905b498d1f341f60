// GPU figures that a test sets; it can let a read() hang, and wait until one has begun.
// Thread-safe.
#pragma once

#include <cstdint>
#include <utility>

#include "agent/probe/gpu_source.h"
#include "base/mutex.h"

namespace hearth::agent {

// What test and source share: the probe owns the source.
class FakeGpu {
 public:
  void set(Result<GpuReading> answer) {
    const MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  void hang() {
    const MutexLock lock(mutex_);
    hangs_ = true;
  }
  void go_on() {
    const MutexLock lock(mutex_);
    hangs_ = false;
    changed_.notify_all();
  }
  // Until one hangs, after hang().
  void wait_for_hanging_read() {
    const MutexLock lock(mutex_);
    while (!is_hanging_) {
      changed_.wait(mutex_);
    }
  }
  // Until one more read has begun; by then what the one before gave is published. Twice: until what
  // was set before has been read and published.
  void wait_for_next_read() {
    const MutexLock lock(mutex_);
    for (const std::uint64_t seen = begun_; begun_ == seen;) {
      changed_.wait(mutex_);
    }
  }

  Result<GpuReading> read() {
    const MutexLock lock(mutex_);
    ++begun_;
    is_hanging_ = hangs_;
    changed_.notify_all();
    while (hangs_) {
      changed_.wait(mutex_);
    }
    is_hanging_ = false;
    return answer_;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  Result<GpuReading> answer_ HEARTH_GUARDED_BY(mutex_) = GpuReading{};
  bool hangs_ HEARTH_GUARDED_BY(mutex_) = false;
  bool is_hanging_ HEARTH_GUARDED_BY(mutex_) = false;
  std::uint64_t begun_ HEARTH_GUARDED_BY(mutex_) = 0;
};

class FakeGpuSource final : public GpuSource {
 public:
  explicit FakeGpuSource(FakeGpu& gpu) : gpu_(gpu) {}
  Result<GpuReading> read() override { return gpu_.read(); }
  // As a driver that can be interrupted.
  void cancel() override { gpu_.go_on(); }

 private:
  FakeGpu& gpu_;
};

}  // namespace hearth::agent
