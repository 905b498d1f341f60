// A SampleSource that says what a test put in. Called on the pump's thread, filled by the test's.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/probe/sample_source.h"
#include "base/mutex.h"

namespace hearth::agent::testing {

class FakeSampleSource final : public SampleSource {
 public:
  void add(WorkerTarget target) override {
    const MutexLock lock(mutex_);
    ++additions_;
    targets_.insert_or_assign(target.id, std::move(target));
  }
  void remove(const std::string& id) override {
    const MutexLock lock(mutex_);
    targets_.erase(id);
  }
  std::vector<WorkerReading> collect() override {
    const MutexLock lock(mutex_);
    ++collections_;
    while (held_) {
      changed_.wait(mutex_);
    }
    std::vector<WorkerReading> readings;
    for (const auto& [id, target] : targets_) {
      const auto found = readings_.find(id);
      readings.push_back(found == readings_.end() ? WorkerReading{.id = id} : found->second);
    }
    return readings;
  }
  MachineSample machine() override {
    const MutexLock lock(mutex_);
    return machine_;
  }

  // What the next collection says of it.
  void set(WorkerReading reading) {
    const MutexLock lock(mutex_);
    readings_.insert_or_assign(reading.id, std::move(reading));
  }
  void set_machine(MachineSample machine) {
    const MutexLock lock(mutex_);
    machine_ = std::move(machine);
  }
  // A kernel that does not answer.
  void hold(bool held) {
    const MutexLock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  [[nodiscard]] std::map<std::string, WorkerTarget> targets() {
    const MutexLock lock(mutex_);
    return targets_;
  }
  [[nodiscard]] int additions() {
    const MutexLock lock(mutex_);
    return additions_;
  }
  [[nodiscard]] int collections() {
    const MutexLock lock(mutex_);
    return collections_;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::map<std::string, WorkerTarget> targets_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::string, WorkerReading> readings_ HEARTH_GUARDED_BY(mutex_);
  MachineSample machine_ HEARTH_GUARDED_BY(mutex_);
  int additions_ HEARTH_GUARDED_BY(mutex_) = 0;
  int collections_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool held_ HEARTH_GUARDED_BY(mutex_) = false;
};

}  // namespace hearth::agent::testing
