// What the controller's loop counts about itself; front/rest renders a snapshot for /metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hearth::api {

inline constexpr std::array<double, 12> kCommitSecondsBounds = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5};

struct CommitLatency {
  // Not cumulative; the last is for everything above the last bound.
  std::array<std::uint64_t, kCommitSecondsBounds.size() + 1> buckets{};
  double sum_seconds = 0;
  std::uint64_t count = 0;
};

// Totals since the start, but for the gauges at the end.
struct MetricsSnapshot {
  std::uint64_t turns = 0;
  std::uint64_t commands = 0;
  CommitLatency commit;
  std::uint64_t commits_not_done = 0;
  std::uint64_t events = 0;
  std::uint64_t stale_reports = 0;
  std::uint64_t stale_chunks = 0;
  std::uint64_t refused_queue_full = 0;
  std::uint64_t refused_storage = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_syncs = 0;
  std::int64_t mailbox_depth = 0;
  std::int64_t links = 0;
  std::int64_t watchers = 0;
  std::int64_t finishes_waiting = 0;  // for output still to arrive or to be synced
  bool storage_ok = true;
};

// Any thread counts; values are read one by one and need not belong to one instant.
class LoopMetrics {
 public:
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> commits_not_done{0};
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> stale_reports_core{0};
  std::atomic<std::uint64_t> stale_reports_gate{0};
  std::atomic<std::uint64_t> stale_chunks{0};
  std::atomic<std::uint64_t> refused_queue_full{0};
  std::atomic<std::uint64_t> refused_storage{0};
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> output_syncs{0};

  void committed(std::int64_t nanoseconds);
  // Without the gauges.
  [[nodiscard]] MetricsSnapshot snapshot() const;

 private:
  std::array<std::atomic<std::uint64_t>, kCommitSecondsBounds.size() + 1> commit_buckets_{};
  std::atomic<std::int64_t> commit_nanoseconds_{0};
};

}  // namespace hearth::api
