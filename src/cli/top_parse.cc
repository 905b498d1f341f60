#include "cli/top_parse.h"

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "base/text.h"
#include "cli/cell_text.h"
#include "cli/job_line.h"
#include "cli/json_text.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kTextBytesMax = 512;  // more is never shown
constexpr double kPercentOfCore = 100;
constexpr double kMilli = 1'000;

const json::value* member(const json::value& object, std::string_view key) {
  const auto* fields = object.if_object();
  return fields == nullptr ? nullptr : fields->if_contains(key);
}

const json::array* list_in(const json::value& object, std::string_view key) {
  const json::value* value = member(object, key);
  return value == nullptr ? nullptr : value->if_array();
}

std::string shown_text(const json::value& object, std::string_view key) {
  return printable(text_of(object, key).substr(0, kTextBytesMax));
}

TopPressure read_pressure(const json::value& object) {
  const json::value* pressure = member(object, "pressure");
  if (pressure == nullptr) {
    return {};
  }
  return {number_in(*pressure, "cpu"), number_in(*pressure, "memory"), number_in(*pressure, "io")};
}

// Of a worker's GPUs less is told than of a machine's; what is not is left empty.
std::vector<TopGpu> read_gpus(const json::value& object, std::string_view used_key) {
  std::vector<TopGpu> read;
  if (const auto* gpus = list_in(object, "gpus"); gpus != nullptr) {
    for (const json::value& gpu : *gpus) {
      read.push_back({.index = integer_of(gpu, "index"),
                      .name = shown_text(gpu, "name"),
                      .util_percent = number_in(gpu, "utilPercent"),
                      .memory_used = count_in(gpu, used_key),
                      .memory_total = count_in(gpu, "memoryTotalBytes"),
                      .celsius = number_in(gpu, "temperatureCelsius"),
                      .stale_since = time_in(gpu, "staleSince")});
    }
  }
  return read;
}

}  // namespace

std::optional<double> number_in(const json::value& object, std::string_view key) {
  const json::value* value = member(object, key);
  return value != nullptr && value->is_number() ? std::optional(value->to_number<double>())
                                                : std::nullopt;
}

std::optional<std::int64_t> count_in(const json::value& object, std::string_view key) {
  return has_value(object, key) && number_in(object, key) ? std::optional(integer_of(object, key))
                                                          : std::nullopt;
}

std::optional<TimePoint> time_in(const json::value& object, std::string_view key) {
  return parse_rfc3339(text_of(object, key));
}

std::optional<double> TopMachine::cpu_share() const {
  if (!cpu_percent || !cpu_milli || *cpu_milli <= 0) {
    return std::nullopt;
  }
  return *cpu_percent / kPercentOfCore / (static_cast<double>(*cpu_milli) / kMilli);
}

std::optional<double> TopFigures::io() const {
  if (!io_read && !io_write) {
    return std::nullopt;
  }
  return static_cast<double>(io_read.value_or(0)) + static_cast<double>(io_write.value_or(0));
}

TopAgent read_agent(const json::value& agent) {
  return {.id = shown_text(agent, "id"),
          .status = shown_text(agent, "status"),
          .host = shown_text(agent, "hostname"),
          .running = integer_of(agent, "running"),
          .done = integer_of(agent, "done"),
          .failed = integer_of(agent, "failed"),
          .machine = {}};
}

TopMachine read_machine(const json::value& machine) {
  return {.cpu_percent = number_in(machine, "cpuPercent"),
          .cpu_milli = count_in(machine, "cpuMilli"),
          .load = number_in(machine, "load1m"),
          .memory_used = count_in(machine, "memoryUsedBytes"),
          .memory_total = count_in(machine, "memoryTotalBytes"),
          .disk_free = count_in(machine, "diskFreeBytes"),
          .net_rx = count_in(machine, "netRxBytesPerSec"),
          .net_tx = count_in(machine, "netTxBytesPerSec"),
          .pressure = read_pressure(machine),
          .gpus = read_gpus(machine, "memoryUsedBytes"),
          .gpu_problem = shown_text(machine, "gpuProblem")};
}

TopFigures read_figures(const json::value& worker) {
  return {.cpu_percent = number_in(worker, "cpuPercent"),
          .memory = count_in(worker, "memoryBytes"),
          .memory_peak = count_in(worker, "memoryPeakBytes"),
          .io_read = count_in(worker, "ioReadBytesPerSec"),
          .io_write = count_in(worker, "ioWriteBytesPerSec"),
          .pids = count_in(worker, "pids"),
          .throttled_percent = number_in(worker, "throttledPercent"),
          .oom_kills = count_in(worker, "oomKills"),
          .pressure = read_pressure(worker),
          .gpus = read_gpus(worker, "memoryBytes")};
}

TopWorker read_worker(const json::value& worker) {
  TopWorker read{.id = shown_text(worker, "id"),
                 .agent = shown_text(worker, "agentId"),
                 .runtime = shown_text(worker, "runtime"),
                 .state = shown_text(worker, "state"),
                 .model = shown_text(worker, "model"),
                 .key = shown_text(worker, "key"),
                 .jobs = {},
                 .started_at = time_in(worker, "startedAt"),
                 .figures = read_figures(worker)};
  if (const auto* jobs = list_in(worker, "jobs"); jobs != nullptr) {
    for (const json::value& job : *jobs) {
      if (job.is_string()) {
        read.jobs.push_back(printable(std::string_view(job.get_string())));
      }
    }
  }
  return read;
}

void apply_change(TopJob& job, const json::value& change) {
  job.id = shown_text(change, "id");
  job.state = shown_text(change, "state");
  job.agent = shown_text(change, "agentId");
  job.reason = shown_text(change, "reason");
  job.message = shown_text(change, "message");
  job.attempt = integer_of(change, "attempt");
  job.exit_code = count_in(change, "exitCode");
  job.signal = count_in(change, "signal");
  job.created_at = time_in(change, "createdAt");
  job.queued_at = time_in(change, "queuedAt");
  job.assigned_at = time_in(change, "assignedAt");
  job.started_at = time_in(change, "startedAt");
  job.completed_at = time_in(change, "completedAt");
  const json::value* progress = member(change, "progress");
  job.percent = progress == nullptr ? std::nullopt : count_in(*progress, "percent");
}

TopJob read_job(const json::value& job) {
  TopJob read;
  apply_change(read, job);
  read.name = shown_text(job, "name");
  read.command = printable(cut_text(job_line(job), kTextBytesMax));
  read.queue = shown_text(job, "queue");
  read.priority = integer_of(job, "priority");
  read.cpu = number_in(job, "requiredCpu").value_or(0);
  read.ram_mb = integer_of(job, "requiredRamMb");
  read.gpus = integer_of(job, "gpus");
  return read;
}

}  // namespace hearth::cli
