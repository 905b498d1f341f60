#include "base/clock.h"

namespace hearth {

TimePoint SystemClock::now() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

std::int64_t SystemClock::monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace hearth
