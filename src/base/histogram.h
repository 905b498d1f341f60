// How often something took how long, for /metrics: counts by upper bound, from any thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hearth {

// From a decision of the core (tenths of a millisecond) to a job that ran for an hour.
inline constexpr std::array<double, 18> kHistogramSeconds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,    0.5,    1.0,   2.5,    10.0,  60.0, 600.0, 3600.0};

struct HistogramSnapshot {
  // Not cumulative; the last is for everything above the last bound.
  std::array<std::uint64_t, kHistogramSeconds.size() + 1> buckets{};
  double sum_seconds = 0;
  std::uint64_t count = 0;
};

class Histogram {
 public:
  void observe_ns(std::int64_t nanoseconds) {
    const double seconds = static_cast<double>(nanoseconds) / 1e9;
    const auto* const bound = std::ranges::lower_bound(kHistogramSeconds, seconds);
    buckets_.at(static_cast<std::size_t>(bound - kHistogramSeconds.begin()))
        .fetch_add(1, std::memory_order_relaxed);
    nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
  }

  // Values are read one by one and need not belong to one instant.
  [[nodiscard]] HistogramSnapshot snapshot() const {
    HistogramSnapshot copy;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      copy.buckets.at(i) = buckets_.at(i).load(std::memory_order_relaxed);
      copy.count += copy.buckets.at(i);
    }
    copy.sum_seconds = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
    return copy;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kHistogramSeconds.size() + 1> buckets_{};
  std::atomic<std::int64_t> nanoseconds_{0};
};

}  // namespace hearth
