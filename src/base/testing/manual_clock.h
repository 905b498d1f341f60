// A clock that stands still until a test moves it. Thread-safe.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace hearth::testing {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start = time_from_ms(1'700'000'000'000)) : now_ms_(to_ms(start)) {}

  TimePoint now() override { return time_from_ms(now_ms_.load() + set_by_ms_.load()); }
  std::int64_t monotonic_ns() override { return now_ms_.load() * 1'000'000; }

  void advance(Duration by) { now_ms_.fetch_add(by.count()); }
  // Somebody sets the wall clock: no time passes.
  void set(Duration by) { set_by_ms_.fetch_add(by.count()); }

 private:
  std::atomic<std::int64_t> now_ms_;
  std::atomic<std::int64_t> set_by_ms_{0};
};

}  // namespace hearth::testing
