// What an agent's cache of uploads counts about itself, for /metrics. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/metrics_text.h"

namespace hearth::agent {

struct UploadMetrics {
  std::atomic<std::uint64_t> hits{0};
  std::atomic<std::uint64_t> fetches{0};
  std::atomic<std::uint64_t> fetches_failed{0};
  std::atomic<std::uint64_t> fetched_bytes{0};
  std::atomic<std::uint64_t> evictions{0};
  std::atomic<std::int64_t> kept{0};
  std::atomic<std::int64_t> kept_bytes{0};
  std::atomic<std::int64_t> under_way{0};

  void write(MetricsText& out) const;
};

}  // namespace hearth::agent
