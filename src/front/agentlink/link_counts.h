// What the agent link counts about itself, for /metrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"
#include "base/limit_counts.h"

namespace hearth::front::agentlink {

struct LinkStats {
  std::uint64_t links = 0;              // hellos that were taken
  std::uint64_t messages_received = 0;  // of control streams
  std::uint64_t messages_sent = 0;
  std::uint64_t batches_received = 0;  // reads, each with one message or more
  std::uint64_t batches_sent = 0;
  std::uint64_t chunks_received = 0;  // of output streams
  std::int64_t streams = 0;           // open now
  std::int64_t fetches = 0;           // of those, uploads that are being sent
  std::uint64_t upload_bytes_sent = 0;
  std::int64_t queue_messages = 0;  // wait for all agents together
  std::int64_t queue_bytes = 0;
  std::map<std::string, std::uint64_t> refused;  // by limit
  HistogramSnapshot telemetry_decode;            // of one report
};

// Any thread; values are read one by one and need not belong to one instant.
struct LinkCounts {
  std::atomic<std::uint64_t> links{0};
  std::atomic<std::uint64_t> messages_received{0};
  std::atomic<std::uint64_t> messages_sent{0};
  std::atomic<std::uint64_t> batches_received{0};
  std::atomic<std::uint64_t> batches_sent{0};
  std::atomic<std::uint64_t> chunks_received{0};
  std::atomic<std::int64_t> fetches{0};
  std::atomic<std::uint64_t> upload_bytes_sent{0};
  std::atomic<std::int64_t> queue_messages{0};
  std::atomic<std::int64_t> queue_bytes{0};
  LimitCounts refused;
  Histogram telemetry_decode;
};

inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t times = 1) {
  counter.fetch_add(times, std::memory_order_relaxed);
}

}  // namespace hearth::front::agentlink
