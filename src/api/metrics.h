// What the controller's loop counts about itself; front/rest renders a snapshot for /metrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"
#include "base/limit_counts.h"

namespace hearth::api {

// What the store keeps of the past, as retention saw it last.
struct PastFigures {
  std::int64_t finished_jobs = 0;
  std::int64_t output_bytes = 0;
  std::int64_t events = 0;
  std::int64_t pages = 0;  // of the database
  std::int64_t free_pages = 0;
};

struct TelemetryCounts {
  std::int64_t workers = 0;  // in the registry
  std::int64_t watchers = 0;
  std::int64_t readers = 0;  // that want figures
  std::int64_t queries = 0;  // that wait for an agent
  std::uint64_t reports = 0;
  std::uint64_t refused_workers = 0;
  std::uint64_t expired_workers = 0;
};

// Totals since the start, but for the gauges at the end.
struct MetricsSnapshot {
  std::uint64_t turns = 0;
  std::uint64_t commands = 0;
  HistogramSnapshot decide;      // one turn of the core
  HistogramSnapshot commit;      // one commit of the store
  HistogramSnapshot queue_wait;  // of a job, from QUEUED to ASSIGNED
  HistogramSnapshot start;       // of an attempt, from ASSIGNED to RUNNING
  HistogramSnapshot run;         // of an attempt that started, from RUNNING to its job's end
  std::uint64_t commits_not_done = 0;
  std::uint64_t events = 0;
  std::uint64_t stale_reports = 0;
  std::uint64_t stale_chunks = 0;
  std::map<std::string, std::uint64_t> refused;  // by limit
  std::uint64_t refused_storage = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t output_syncs = 0;
  std::uint64_t removed_jobs = 0;
  std::uint64_t truncated_ends = 0;  // of attempts whose agent never sent all output
  std::int64_t mailbox_depth = 0;
  std::int64_t turns_waiting = 0;   // decided and not durable yet
  std::int64_t events_waiting = 0;  // of those turns
  std::int64_t waiting_payload_bytes = 0;
  std::int64_t readers = 0;  // of the store, lent or idle
  std::int64_t readers_lent = 0;
  PastFigures past;
  std::int64_t links = 0;
  std::int64_t watchers = 0;
  std::int64_t finishes_waiting = 0;  // for output still to arrive or to be synced
  bool storage_ok = true;
  TelemetryCounts telemetry;
  HistogramSnapshot telemetry_apply;  // of one report, from its arrival until watchers are told
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
  LimitCounts refused;
  std::atomic<std::uint64_t> refused_storage{0};
  std::atomic<std::uint64_t> output_bytes{0};
  std::atomic<std::uint64_t> output_syncs{0};
  std::atomic<std::uint64_t> removed_jobs{0};
  std::atomic<std::uint64_t> truncated_ends{0};
  std::atomic<std::int64_t> waiting_payload_bytes{0};
  std::atomic<std::int64_t> past_finished_jobs{0};
  std::atomic<std::int64_t> past_output_bytes{0};
  std::atomic<std::int64_t> past_events{0};
  std::atomic<std::int64_t> past_pages{0};
  std::atomic<std::int64_t> past_free_pages{0};

  Histogram decide;
  Histogram commit;
  Histogram queue_wait;
  Histogram start;
  Histogram run;

  // Without the gauges.
  [[nodiscard]] MetricsSnapshot snapshot() const;
};

}  // namespace hearth::api
