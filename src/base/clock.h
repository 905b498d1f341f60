// The only place that reads a clock. Shells own a Clock and hand `now` to the pure libraries.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace hearth {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock; never runs backwards within one Clock, even if the system's does.
  [[nodiscard]] virtual TimePoint now() = 0;
  // Monotonic nanoseconds since an arbitrary start; for durations.
  [[nodiscard]] virtual std::int64_t monotonic_ns() = 0;
};

// Thread-safe. The wall clock is clamped to be non-decreasing.
class SystemClock final : public Clock {
 public:
  TimePoint now() override;
  std::int64_t monotonic_ns() override;

 private:
  std::atomic<std::int64_t> latest_ms_{0};
};

}  // namespace hearth
