// Workers as agents report them: processes that do the work of jobs, and what they use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/telemetry.h"

namespace hearth {

// [A-Za-z0-9_-]{1,64}; unique among the workers of its agent.
using WorkerId = StrongId<struct WorkerIdTag, std::string>;

enum class WorkerState : std::uint8_t { Starting, Ready, Busy, Stopping, Stopped };
inline constexpr int kWorkerStateCount = 5;
std::string_view to_string(WorkerState state);  // upper case
std::optional<WorkerState> parse_worker_state(std::string_view text);

struct WorkerInfo {
  WorkerId id;
  std::string runtime;  // "command", …
  std::string key;      // of a hot worker; empty: one-shot
  WorkerState state = WorkerState::Starting;
  std::vector<JobId> jobs;

  friend bool operator==(const WorkerInfo&, const WorkerInfo&) = default;
};

// A worker and its latest figures. Its uptime is by its agent's monotonic clock at the time of the
// report, so that the controller can tell by its own clock when it started.
struct WorkerReport {
  WorkerInfo info;
  WorkerSample sample;

  friend bool operator==(const WorkerReport&, const WorkerReport&) = default;
};

// What an agent says of its workers and its machine. A whole report names every worker there is:
// what it does not name is gone. One that is not whole tells of changes only.
struct TelemetryReport {
  bool whole = false;
  std::vector<WorkerReport> workers;
  std::vector<WorkerId> gone;
  std::optional<MachineSample> machine;

  friend bool operator==(const TelemetryReport&, const TelemetryReport&) = default;
};

// Figures over time out of an agent's memory.
struct TelemetryQuery {
  std::optional<WorkerId> worker;  // none: the machine
  Duration from_ago{};             // how far back the first point may be
  Duration step{};                 // at least this far apart; 0: as they were taken
  std::int64_t points_max = 0;
};

// One series of columns: values[c][i] is figure `columns[c]` at `ages[i]` before the answer, oldest
// first; nullopt where it was not known.
struct TelemetrySeries {
  std::vector<std::string> columns;
  std::vector<Duration> ages;
  std::vector<std::vector<std::optional<double>>> values;

  friend bool operator==(const TelemetrySeries&, const TelemetrySeries&) = default;
};

}  // namespace hearth
