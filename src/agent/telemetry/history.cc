#include "agent/telemetry/history.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::agent {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
constexpr Duration kForgottenAtOnce = std::chrono::minutes(1);

// In the order of the rows' values, named as over HTTP.
constexpr std::array<std::string_view, 18> kMachineColumns = {"cpuPercent",
                                                              "load1m",
                                                              "memoryUsedBytes",
                                                              "memoryAvailableBytes",
                                                              "memoryTotalBytes",
                                                              "diskFreeBytes",
                                                              "diskReadBytesPerSec",
                                                              "diskWriteBytesPerSec",
                                                              "netRxBytesPerSec",
                                                              "netTxBytesPerSec",
                                                              "pressureCpu",
                                                              "pressureMemory",
                                                              "pressureIo",
                                                              "gpuUtilPercent",
                                                              "gpuMemoryUsedBytes",
                                                              "gpuMemoryTotalBytes",
                                                              "gpuTemperatureCelsius",
                                                              "load5m"};
constexpr std::array<std::string_view, 16> kWorkerColumns = {
    "cpuPercent",       "memoryBytes",       "memoryPeakBytes",    "memoryAnonBytes",
    "memoryFileBytes",  "ioReadBytesPerSec", "ioWriteBytesPerSec", "pids",
    "throttledPercent", "oomKills",          "pressureCpu",        "pressureMemory",
    "pressureIo",       "gpuUtilPercent",    "gpuMemoryBytes",     "cpuMs"};

template <class Number>
float to_float(const std::optional<Number>& value) {
  return value ? static_cast<float>(*value) : kUnknown;
}

// Over the GPUs for which it is known: the busiest, or all together.
template <class Gpus, class Member>
float most(const Gpus& gpus, Member member) {
  float found = kUnknown;
  for (const auto& gpu : gpus) {
    found = std::fmax(found, to_float(gpu.*member));
  }
  return found;
}
template <class Gpus, class Member>
float sum(const Gpus& gpus, Member member) {
  float found = kUnknown;
  for (const auto& gpu : gpus) {
    const float value = to_float(gpu.*member);
    found = std::isnan(value) ? found : value + (std::isnan(found) ? 0 : found);
  }
  return found;
}

// The mean of what was known within one step.
struct Mean {
  double sum = 0;
  std::int64_t count = 0;

  void add(float value) {
    if (!std::isnan(value)) {
      sum += value;
      ++count;
    }
  }
  [[nodiscard]] std::optional<double> value() const {
    return count == 0 ? std::nullopt : std::optional(sum / static_cast<double>(count));
  }
};

Duration step_of(const TelemetryQuery& query, Duration range) {
  const Duration least = std::max(query.step, Duration(1));
  if (query.points_max <= 0) {
    return least;
  }
  return std::max(least, Duration((range.count() + query.points_max - 1) / query.points_max));
}

}  // namespace

void TelemetryHistory::add(Duration now, const MachineSample& sample) {
  push(machine_,
       {.at = now,
        .values = {to_float(sample.cpu_percent), to_float(sample.load_1m),
                   to_float(sample.memory_used_bytes), to_float(sample.memory_available_bytes),
                   to_float(sample.memory_total_bytes), to_float(sample.disk_free_bytes),
                   to_float(sample.disk_read_bytes_per_sec),
                   to_float(sample.disk_write_bytes_per_sec), to_float(sample.net_rx_bytes_per_sec),
                   to_float(sample.net_tx_bytes_per_sec), to_float(sample.pressure.cpu),
                   to_float(sample.pressure.memory), to_float(sample.pressure.io),
                   most(sample.gpus, &MachineGpu::util_percent),
                   sum(sample.gpus, &MachineGpu::memory_used_bytes),
                   sum(sample.gpus, &MachineGpu::memory_total_bytes),
                   most(sample.gpus, &MachineGpu::temperature_celsius), to_float(sample.load_5m)}});
}

void TelemetryHistory::add(Duration now, const WorkerId& worker, const WorkerSample& sample) {
  if (!sample.uptime || *sample.uptime < options_.worker_age_min) {
    return;
  }
  push(workers_[worker],
       {.at = now,
        .values = {to_float(sample.cpu_percent), to_float(sample.memory_bytes),
                   to_float(sample.memory_peak_bytes), to_float(sample.memory_anon_bytes),
                   to_float(sample.memory_file_bytes), to_float(sample.io_read_bytes_per_sec),
                   to_float(sample.io_write_bytes_per_sec), to_float(sample.pids),
                   to_float(sample.throttled_percent), to_float(sample.oom_kills),
                   to_float(sample.pressure.cpu), to_float(sample.pressure.memory),
                   to_float(sample.pressure.io), most(sample.gpus, &WorkerGpu::util_percent),
                   sum(sample.gpus, &WorkerGpu::memory_bytes), to_float(sample.cpu_ms), kUnknown,
                   kUnknown}});
}

void TelemetryHistory::push(Series& series, Row row) {
  series.push_back(row);
  ++rows_;
  if (bytes() > options_.bytes_max) {
    make_room();
  }
}

void TelemetryHistory::make_room() {
  std::optional<Duration> oldest;
  const auto look = [&oldest](const Series& series) {
    if (!series.empty()) {
      oldest = oldest ? std::min(*oldest, series.front().at) : series.front().at;
    }
  };
  look(machine_);
  for (const auto& [worker, series] : workers_) {
    look(series);
  }
  if (oldest) {
    drop_before(*oldest + kForgottenAtOnce);
  }
}

void TelemetryHistory::forget_past(Duration now) {
  drop_before(now - options_.kept_for);
}

void TelemetryHistory::drop_before(Duration at) {
  const auto drop = [this, at](Series& series) {
    while (!series.empty() && series.front().at < at) {
      series.pop_front();
      --rows_;
    }
  };
  drop(machine_);
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    drop(worker->second);
    worker = worker->second.empty() ? workers_.erase(worker) : std::next(worker);
  }
}

Result<TelemetrySeries> TelemetryHistory::read(const TelemetryQuery& query, Duration now) const {
  const Series* series = &machine_;
  if (query.worker) {
    const auto found = workers_.find(*query.worker);
    if (found == workers_.end()) {
      return not_found("nothing is remembered of worker " + query.worker->value() +
                       ": it is not of this agent, younger than " +
                       std::to_string(options_.worker_age_min.count() / 1'000) +
                       " s, or ended too long ago");
    }
    series = &found->second;
  }
  const std::size_t columns = query.worker ? kWorkerColumns.size() : kMachineColumns.size();
  TelemetrySeries answer;
  for (std::size_t c = 0; c < columns; ++c) {
    answer.columns.emplace_back(query.worker ? kWorkerColumns.at(c) : kMachineColumns.at(c));
  }
  answer.values.resize(columns);
  const Duration from = query.from_ago > Duration(0) ? now - query.from_ago : Duration::min();
  auto row = std::lower_bound(series->begin(), series->end(), from,
                              [](const Row& one, Duration at) { return one.at < at; });
  if (row == series->end()) {
    return answer;
  }
  const Duration step = step_of(query, now - row->at + Duration(1));
  while (row != series->end()) {
    const Duration end = row->at + step;
    std::array<Mean, kColumnsMax> means{};
    Duration last = row->at;
    for (; row != series->end() && row->at < end; ++row) {
      last = row->at;
      for (std::size_t c = 0; c < columns; ++c) {
        means.at(c).add(row->values.at(c));
      }
    }
    answer.ages.push_back(std::max(now - last, Duration(0)));
    for (std::size_t c = 0; c < columns; ++c) {
      answer.values[c].push_back(means.at(c).value());
    }
  }
  return answer;
}

}  // namespace hearth::agent
