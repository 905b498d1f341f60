// The only place that reads a clock. Shells own a Clock and hand `now` to the pure libraries.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace hearth {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock, as it is now: whoever sets it may move it by any amount in either direction.
  [[nodiscard]] virtual TimePoint now() = 0;
  // Monotonic nanoseconds since an arbitrary start; for durations.
  [[nodiscard]] virtual std::int64_t monotonic_ns() = 0;
};

// Thread-safe.
class SystemClock final : public Clock {
 public:
  TimePoint now() override;
  std::int64_t monotonic_ns() override;
};

}  // namespace hearth
