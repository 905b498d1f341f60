// Takes the figures of the agent's workers and of its machine once a second, remembers them, and
// tells the controller.
//
// Comings and goings are told at once; when there are many, in one message for all within
// `changes_spacing`, which has who came and went meanwhile as well. Everything there is is told
// with each heartbeat, and as often as the controller wants while somebody watches. Reading the
// kernel's files happens on a thread of its own, so that a slow one holds up no job, and only for
// workers older than `probe_after`: opening the files of each would cost short jobs a fifth of
// their rate. Everything else here is on the loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/link/controller_link.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_pool.h"
#include "agent/probe/sample_source.h"
#include "agent/telemetry/history.h"
#include "agent/telemetry/telemetry_metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "model/worker.h"

namespace hearth::agent {

class TelemetryPump {
 public:
  // All outlive the pump.
  struct Deps {
    EventLoop& loop;
    Clock& clock;
    Log& log;
    SampleSource& source;
    ControllerLink& link;
    TelemetryMetrics& metrics;
  };
  struct Options {
    Duration interval = limits::kTelemetryInterval;
    Duration probe_after = limits::kProbeAfter;
    Duration changes_spacing = limits::kTelemetryChangesSpacing;
    TelemetryHistory::Options history;
  };

  static Result<std::unique_ptr<TelemetryPump>> create(const Deps& deps, const Options& options);
  ~TelemetryPump();
  TelemetryPump(const TelemetryPump&) = delete;
  TelemetryPump& operator=(const TelemetryPump&) = delete;

  // Begins to take figures.
  void start();

  // A worker's life. Ids that are not known are ignored, but by starting().
  void starting(WorkerInfo info);
  void started(const WorkerId& worker, WorkerTarget target);
  void set_state(const WorkerId& worker, WorkerState state);
  void ended(const WorkerId& worker);

  // The controller's side (LinkListener).
  void wanted(Duration interval);
  void beat() { report_all(); }
  void answer(std::uint64_t query_id, const TelemetryQuery& query);

 private:
  struct Worker {
    WorkerReport report;
    std::string problem;  // why it has no figures
    bool is_dirty = false;
    bool is_told = false;  // the controller has heard of it
    // What it has heard.
    bool is_cpu_told = false;
    std::int64_t told_memory_bytes = 0;
  };
  struct Batch {
    std::vector<WorkerReading> workers;
    MachineSample machine;
  };

  TelemetryPump(const Deps& deps, const Options& options);
  void sample();
  void take(const Batch& batch);
  void take(const WorkerReading& reading);
  void tell_source_later();
  void tell_source();
  void mark(Worker& worker);
  static void note_told(Worker& worker);
  void flush_soon();
  void report_changes();
  void report_all();
  void note_sizes();
  [[nodiscard]] Duration now() const;

  const Deps deps_;
  const Options options_;
  TelemetryHistory history_;
  std::map<WorkerId, Worker> workers_;
  std::set<WorkerId> gone_;                  // not told yet
  std::vector<WorkerReport> brief_;          // of gone_, those of whom nothing was told before
  std::map<WorkerId, WorkerTarget> unread_;  // the source does not know them yet
  std::set<WorkerId> unneeded_;              // the source still knows them
  std::optional<MachineSample> machine_;
  Duration wanted_{};  // 0: with heartbeats
  Duration told_at_{};
  std::optional<Duration> changes_told_at_;
  bool collecting_ = false;
  std::optional<TimerId> sample_timer_;
  std::optional<TimerId> flush_timer_;
  std::optional<TimerId> source_timer_;
  std::unique_ptr<WorkPool> pool_;  // one thread: what is asked of the source stays in order
};

}  // namespace hearth::agent
