// How long to wait before the next attempt to connect: doubling, bounded, and jittered over its
// upper half, so that a thousand agents do not come back in one instant after their controller was
// restarted. The seed is a parameter, so a test replays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/time.h"

namespace hearth::agent {

class ReconnectDelay {
 public:
  ReconnectDelay(Duration initial, Duration max, std::uint64_t seed)
      : initial_(initial), max_(max), next_(initial), random_(seed) {}

  Duration next() {
    const Duration base = next_;
    next_ = std::min(max_, next_ * 2);
    std::uniform_int_distribution<std::int64_t> upper_half(base.count() / 2, base.count());
    return Duration(upper_half(random_));
  }
  void reset() { next_ = initial_; }

 private:
  const Duration initial_;
  const Duration max_;
  Duration next_;
  std::mt19937_64 random_;
};

}  // namespace hearth::agent
