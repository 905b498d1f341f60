// What an agent counts about itself. Its loop thread counts, any thread reads; values are read one
// by one and need not belong to one instant.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/histogram.h"
#include "base/limit_counts.h"

namespace hearth::agent {

struct AgentMetrics {
  Histogram spawn;  // from the order to start until exec succeeded
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> spawns_failed{0};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> launcher_restarts{0};
  std::atomic<std::uint64_t> links{0};  // welcomes of a controller
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> groups_made{0};
  std::atomic<std::uint64_t> groups_reused{0};
  std::atomic<std::uint64_t> spool_dropped_bytes{0};

  // Interpreters that are started ahead of their scripts.
  std::atomic<std::uint64_t> warm_hits{0};
  std::atomic<std::uint64_t> warm_misses{0};
  std::atomic<std::uint64_t> warm_expired{0};
  std::atomic<std::uint64_t> warm_failed{0};
  std::atomic<std::int64_t> warm_ready{0};
  std::atomic<std::int64_t> warm_starting{0};

  std::atomic<std::int64_t> running{0};  // told to start and not yet told to have ended
  std::atomic<std::int64_t> groups_kept{0};
  std::atomic<std::int64_t> spawns_waiting{0};
  std::atomic<std::int64_t> spool_bytes{0};
  std::atomic<std::int64_t> linked{0};

  LimitCounts refused;
};

// The families hearth_agent_… of Prometheus' text format.
void append_metrics(const AgentMetrics& metrics, std::string& text);

}  // namespace hearth::agent
