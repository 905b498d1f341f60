#include "front/rest/worker_json.h"

#include <algorithm>
#include <cmath>

#include "base/rfc3339.h"
#include "front/http/json_members.h"

namespace hearth::rest {

namespace {

using front::write_text_or_null;
using front::write_time;
using net::JsonWriter;

constexpr double kHundredths = 100;

// Shares to the hundredth, which is as exact as agents send them.
void write_share(JsonWriter& json, std::string_view name, const std::optional<double>& value) {
  if (value) {
    json.member_number(name, std::round(*value * kHundredths) / kHundredths);
  } else {
    json.member_null(name);
  }
}

void write_pressure(JsonWriter& json, const PressureSample& pressure) {
  if (pressure == PressureSample{}) {
    json.member_null("pressure");
    return;
  }
  json.key("pressure").begin_object();
  write_share(json, "cpu", pressure.cpu);
  write_share(json, "memory", pressure.memory);
  write_share(json, "io", pressure.io);
  json.end_object();
}

// The figures of a worker, as members of an open object.
void write_sample(JsonWriter& json, const WorkerSample& sample) {
  write_share(json, "cpuPercent", sample.cpu_percent);
  json.member("memoryBytes", sample.memory_bytes)
      .member("memoryPeakBytes", sample.memory_peak_bytes)
      .member("memoryAnonBytes", sample.memory_anon_bytes)
      .member("memoryFileBytes", sample.memory_file_bytes)
      .member("ioReadBytesPerSec", sample.io_read_bytes_per_sec)
      .member("ioWriteBytesPerSec", sample.io_write_bytes_per_sec)
      .member("pids", sample.pids);
  write_share(json, "throttledPercent", sample.throttled_percent);
  json.member("oomKills", sample.oom_kills);
  write_pressure(json, sample.pressure);
  json.key("gpus").begin_array();
  for (const WorkerGpu& gpu : sample.gpus) {
    json.begin_object().member("index", gpu.index);
    write_share(json, "utilPercent", gpu.util_percent);
    json.member("memoryBytes", gpu.memory_bytes).member("stale", gpu.stale).end_object();
  }
  json.end_array();
}

std::optional<std::int64_t> uptime_ms(const registry::WorkerView& worker) {
  const std::optional<Duration>& uptime = worker.report.sample.uptime;
  return uptime ? std::optional<std::int64_t>(uptime->count()) : std::nullopt;
}

}  // namespace

void write_worker(JsonWriter& json, const registry::WorkerView& worker) {
  const WorkerInfo& info = worker.report.info;
  const WorkerSample& sample = worker.report.sample;
  json.begin_object().member("id", info.id.value());
  write_text_or_null(json, "agentId", worker.agent.value());
  json.member("runtime", info.runtime);
  write_text_or_null(json, "key", info.key);
  json.member("state", to_string(info.state)).key("jobs").begin_array();
  for (const JobId job : info.jobs) {
    json.string(to_string(job));
  }
  json.end_array().member("pid", sample.pid);
  write_time(json, "startedAt", worker.started_at);
  json.member("uptimeMs", uptime_ms(worker));
  write_sample(json, sample);
  write_text_or_null(json, "model", sample.model.value_or(""));
  json.end_object();
}

void write_workers(JsonWriter& json, const std::vector<registry::WorkerView>& workers,
                   std::int64_t max) {
  json.key("workers").begin_array();
  for (const registry::WorkerView& worker : workers) {
    if (max-- <= 0) {
      break;
    }
    write_worker(json, worker);
  }
  json.end_array().member("workersTotal", static_cast<std::int64_t>(workers.size()));
}

void write_gone_worker(JsonWriter& json, const AgentId& agent, const WorkerId& worker) {
  json.begin_object().member("id", worker.value());
  write_text_or_null(json, "agentId", agent.value());
  json.member("state", to_string(WorkerState::Stopped)).end_object();
}

void write_machine(JsonWriter& json, const MachineSample& machine) {
  json.begin_object();
  write_share(json, "cpuPercent", machine.cpu_percent);
  json.member("cpuMilli", machine.cpu_milli);
  write_share(json, "load1m", machine.load_1m);
  write_share(json, "load5m", machine.load_5m);
  write_share(json, "load15m", machine.load_15m);
  json.member("memoryTotalBytes", machine.memory_total_bytes)
      .member("memoryUsedBytes", machine.memory_used_bytes)
      .member("memoryAvailableBytes", machine.memory_available_bytes)
      .member("diskTotalBytes", machine.disk_total_bytes)
      .member("diskFreeBytes", machine.disk_free_bytes)
      .member("diskReadBytesPerSec", machine.disk_read_bytes_per_sec)
      .member("diskWriteBytesPerSec", machine.disk_write_bytes_per_sec)
      .member("netRxBytesPerSec", machine.net_rx_bytes_per_sec)
      .member("netTxBytesPerSec", machine.net_tx_bytes_per_sec);
  write_pressure(json, machine.pressure);
  json.key("gpus").begin_array();
  for (const MachineGpu& gpu : machine.gpus) {
    json.begin_object().member("index", gpu.index).member("name", gpu.name);
    write_share(json, "utilPercent", gpu.util_percent);
    json.member("memoryUsedBytes", gpu.memory_used_bytes)
        .member("memoryTotalBytes", gpu.memory_total_bytes);
    write_share(json, "temperatureCelsius", gpu.temperature_celsius);
    write_time(json, "staleSince", gpu.stale_since);
    json.end_object();
  }
  json.end_array();
  write_text_or_null(json, "gpuProblem", machine.gpu_problem);
  json.end_object();
}

void write_figures(JsonWriter& json, const AgentId& agent, const api::AgentFigures& figures,
                   TimePoint at) {
  json.begin_object().member("agentId", agent.value()).member("at", to_rfc3339(at));
  json.key("machine");
  if (figures.machine) {
    write_machine(json, *figures.machine);
  } else {
    json.null();
  }
  json.key("workers").begin_array();
  for (const registry::WorkerView& worker : figures.workers) {
    json.begin_object().member("id", worker.report.info.id.value());
    json.member("uptimeMs", uptime_ms(worker));
    write_sample(json, worker.report.sample);
    json.end_object();
  }
  json.end_array().end_object();
}

void write_series(JsonWriter& json, const AgentId& agent, const std::optional<WorkerId>& worker,
                  const TelemetrySeries& series, TimePoint now) {
  json.begin_object().member("agentId", agent.value());
  write_text_or_null(json, "workerId", worker ? worker->value() : "");
  json.key("at").begin_array();
  for (const Duration age : series.ages) {
    json.string(to_rfc3339(now - age));
  }
  json.end_array().key("series").begin_object();
  for (std::size_t c = 0; c < series.columns.size(); ++c) {
    json.key(series.columns[c]).begin_array();
    for (const std::optional<double>& value : series.values[c]) {
      if (value) {
        json.number(std::round(*value * kHundredths) / kHundredths);
      } else {
        json.null();
      }
    }
    json.end_array();
  }
  json.end_object().end_object();
}

}  // namespace hearth::rest
