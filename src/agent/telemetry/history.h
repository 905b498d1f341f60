// What an agent remembers of its figures, so that a dashboard has charts at once.
//
// One row a second and series: one series for the machine, one for each worker that has lived for
// worker_age_min; a worker's stays for as long as its rows do. All rows together stay within
// bytes_max: beyond it the oldest minute of every series goes, so that nobody's present is lost for
// somebody else's past. Pure; `now` is monotonic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "base/result.h"
#include "base/telemetry_limits.h"
#include "model/worker.h"

namespace hearth::agent {

class TelemetryHistory {
 public:
  struct Options {
    std::int64_t bytes_max = limits::kTelemetryBytesMax;
    Duration kept_for = limits::kTelemetryKeptFor;
    Duration worker_age_min = limits::kHistoryWorkerAgeMin;
  };

  TelemetryHistory() = default;
  explicit TelemetryHistory(Options options) : options_(options) {}

  void add(Duration now, const MachineSample& sample);
  // Left out while the worker is young, or when its age is not known.
  void add(Duration now, const WorkerId& worker, const WorkerSample& sample);
  // Rows that are too old go, and series without any.
  void forget_past(Duration now);

  // The mean over each step; a figure that was never known in it is nullopt. NotFound when nothing
  // is remembered of that worker.
  [[nodiscard]] Result<TelemetrySeries> read(const TelemetryQuery& query, Duration now) const;
  [[nodiscard]] std::int64_t bytes() const { return rows_ * kRowBytes; }
  [[nodiscard]] std::size_t workers() const { return workers_.size(); }

 private:
  static constexpr std::size_t kColumnsMax = 18;
  struct Row {
    Duration at{};
    std::array<float, kColumnsMax> values{};  // NaN: not known
  };
  using Series = std::deque<Row>;
  static constexpr std::int64_t kRowBytes = sizeof(Row);

  void push(Series& series, Row row);
  void drop_before(Duration at);
  void make_room();

  Options options_;
  Series machine_;
  std::map<WorkerId, Series> workers_;
  std::int64_t rows_ = 0;
};

}  // namespace hearth::agent
