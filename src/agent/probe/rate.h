// How fast a counter of the kernel grows. Pure: the time is handed in.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace hearth::agent {

// Samples closer together say little of a counter that the kernel moves on in steps; then the rate
// before stands.
inline constexpr Duration kRateIntervalMin{100};

class CounterRate {
 public:
  // Per second since the sample before. nullopt at the first one, for a value that is not known,
  // and for one below that before: then it is another counter, and the next is compared with it.
  std::optional<double> update(std::optional<std::int64_t> value, std::int64_t now_ns);

 private:
  struct Point {
    std::int64_t value = 0;
    std::int64_t at_ns = 0;
  };
  std::optional<Point> before_;
  std::optional<double> rate_;
};

std::optional<std::int64_t> rounded(std::optional<double> value);

}  // namespace hearth::agent
