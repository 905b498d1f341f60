#include "cli/top_json.h"

#include <boost/json.hpp>

#include "base/rfc3339.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value or_null(const std::optional<TimePoint>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object pressure_of(const TopPressure& pressure) {
  return {{"cpu", or_null(pressure.cpu)},
          {"memory", or_null(pressure.memory)},
          {"io", or_null(pressure.io)}};
}

json::array gpus_of(const std::vector<TopGpu>& gpus) {
  json::array list;
  for (const TopGpu& gpu : gpus) {
    list.push_back(json::object{{"index", gpu.index},
                                {"name", or_null(gpu.name)},
                                {"utilPercent", or_null(gpu.util_percent)},
                                {"memoryUsedBytes", or_null(gpu.memory_used)},
                                {"memoryTotalBytes", or_null(gpu.memory_total)},
                                {"temperatureCelsius", or_null(gpu.celsius)},
                                {"staleSince", or_null(gpu.stale_since)}});
  }
  return list;
}

json::object machine_of(const TopMachine& machine) {
  return {{"cpuPercent", or_null(machine.cpu_percent)},
          {"cpuMilli", or_null(machine.cpu_milli)},
          {"load1m", or_null(machine.load)},
          {"memoryUsedBytes", or_null(machine.memory_used)},
          {"memoryTotalBytes", or_null(machine.memory_total)},
          {"diskFreeBytes", or_null(machine.disk_free)},
          {"netRxBytesPerSec", or_null(machine.net_rx)},
          {"netTxBytesPerSec", or_null(machine.net_tx)},
          {"pressure", pressure_of(machine.pressure)},
          {"gpus", gpus_of(machine.gpus)},
          {"gpuProblem", or_null(machine.gpu_problem)}};
}

json::object agent_of(const TopAgent& agent) {
  return {{"id", agent.id},
          {"status", agent.status},
          {"hostname", agent.host},
          {"running", agent.running},
          {"done", agent.done},
          {"failed", agent.failed},
          {"machine", agent.machine ? json::value(machine_of(*agent.machine)) : nullptr}};
}

json::object worker_of(const TopWorker& worker) {
  const TopFigures& figures = worker.figures;
  json::array jobs;
  for (const std::string& job : worker.jobs) {
    jobs.emplace_back(job);
  }
  return {{"id", worker.id},
          {"agentId", or_null(worker.agent)},
          {"runtime", worker.runtime},
          {"key", or_null(worker.key)},
          {"state", worker.state},
          {"model", or_null(worker.model)},
          {"jobs", std::move(jobs)},
          {"startedAt", or_null(worker.started_at)},
          {"cpuPercent", or_null(figures.cpu_percent)},
          {"memoryBytes", or_null(figures.memory)},
          {"memoryPeakBytes", or_null(figures.memory_peak)},
          {"ioReadBytesPerSec", or_null(figures.io_read)},
          {"ioWriteBytesPerSec", or_null(figures.io_write)},
          {"pids", or_null(figures.pids)},
          {"throttledPercent", or_null(figures.throttled_percent)},
          {"oomKills", or_null(figures.oom_kills)},
          {"pressure", pressure_of(figures.pressure)},
          {"gpus", gpus_of(figures.gpus)}};
}

json::object job_of(const TopJob& job) {
  return {{"id", job.id},
          {"state", job.state},
          {"name", or_null(job.name)},
          {"command", job.command},
          {"agentId", or_null(job.agent)},
          {"attempt", job.attempt},
          {"reason", or_null(job.reason)},
          {"message", or_null(job.message)},
          {"exitCode", or_null(job.exit_code)},
          {"signal", or_null(job.signal)},
          {"startedAt", or_null(job.started_at)},
          {"completedAt", or_null(job.completed_at)}};
}

json::object class_of(const TopClass& one) {
  return {{"queue", one.queue},           {"priority", one.priority}, {"cpu", one.cpu},
          {"ramMb", one.ram_mb},          {"gpus", one.gpus},         {"waiting", one.waiting},
          {"oldest", or_null(one.oldest)}};
}

// Of a map's values or a list's items.
template <class List, class Write>
json::array list_of(const List& items, Write write) {
  json::array list;
  for (const auto& item : items) {
    if constexpr (requires { item.second; }) {
      list.push_back(write(item.second));
    } else {
      list.push_back(write(item));
    }
  }
  return list;
}

}  // namespace

std::string top_json(const TopModel& model, const TopStatus& status) {
  json::object counts;
  for (const auto& [state, count] : model.counts()) {
    counts[state] = count;
  }
  const TopRates rates = model.rates(status.now);
  const json::object all{{"url", status.url},
                         {"at", to_rfc3339(model.controller_time(status.now))},
                         {"counts", std::move(counts)},
                         {"finishedPerSec", or_null(rates.finished)},
                         {"failedPerSec", or_null(rates.failed)},
                         {"agents", list_of(model.agents(), agent_of)},
                         {"workers", list_of(model.workers(), worker_of)},
                         {"running", list_of(model.running(), job_of)},
                         {"queue", list_of(model.classes(), class_of)},
                         {"queueIsCut", model.waiting_is_cut()},
                         {"failures", list_of(model.failures(), job_of)}};
  return json::serialize(all);
}

}  // namespace hearth::cli
