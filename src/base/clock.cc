#include "base/clock.h"

namespace hearth {

TimePoint SystemClock::now() {
  const std::int64_t system_ms =
      to_ms(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()));
  std::int64_t seen = latest_ms_.load(std::memory_order_relaxed);
  while (seen < system_ms && !latest_ms_.compare_exchange_weak(seen, system_ms)) {
  }
  return time_from_ms(seen < system_ms ? system_ms : seen);
}

std::int64_t SystemClock::monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace hearth
