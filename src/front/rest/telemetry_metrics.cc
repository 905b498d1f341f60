#include "front/rest/telemetry_metrics.h"

#include <functional>
#include <map>
#include <set>

#include "base/metrics_text.h"
#include "base/telemetry_limits.h"

namespace hearth::rest {

namespace {

using Label = std::pair<std::string_view, std::string_view>;

constexpr double kPercent = 100;
constexpr double kMilli = 1'000;

struct Machine {
  std::string_view agent;
  MachineSample sample;
};

std::optional<double> scaled(const std::optional<double>& value, double by) {
  return value ? std::optional(*value / by) : std::nullopt;
}

std::optional<double> scaled(const std::optional<std::int64_t>& value, double by) {
  return value ? std::optional(static_cast<double>(*value) / by) : std::nullopt;
}

bool is_heard(const AgentView& agent) {
  return agent.record.status != AgentStatus::Disconnected &&
         agent.record.status != AgentStatus::Dead;
}

void write_agents(MetricsText& metrics, const std::vector<AgentView>& agents) {
  metrics.family("hearth_agent_up", "gauge", "1 while the agent is connected.");
  for (const AgentView& agent : agents) {
    metrics.value({{"agent", agent.record.info.id.value()}}, std::int64_t{is_heard(agent)});
  }
  metrics.family("hearth_agent_attempts_running", "gauge", "Attempts that the agent holds.");
  for (const AgentView& agent : agents) {
    metrics.value({{"agent", agent.record.info.id.value()}}, agent.running);
  }
  metrics.family("hearth_agent_attempts_total", "counter",
                 "Attempts that ended on the agent, by result: done or failed.");
  for (const AgentView& agent : agents) {
    const std::string& id = agent.record.info.id.value();
    metrics.value({{"agent", id}, {"result", "done"}}, agent.record.done);
    metrics.value({{"agent", id}, {"result", "failed"}}, agent.record.failed);
  }
}

class MachineMetrics {
 public:
  MachineMetrics(MetricsText& metrics, const std::vector<Machine>& machines)
      : metrics_(metrics), machines_(machines) {}

  template <class Get>
  void gauge(std::string_view name, std::string_view help, Get get) {
    metrics_.family(name, "gauge", help);
    for (const Machine& machine : machines_) {
      if (const auto value = get(machine.sample)) {
        metrics_.value({{"agent", machine.agent}}, *value);
      }
    }
  }

  template <class Get>
  void gpu_gauge(std::string_view name, std::string_view help, Get get) {
    metrics_.family(name, "gauge", help);
    for (const Machine& machine : machines_) {
      for (const MachineGpu& gpu : machine.sample.gpus) {
        if (const auto value = get(gpu)) {
          const std::string index = std::to_string(gpu.index);
          metrics_.value({{"agent", machine.agent}, {"gpu", index}, {"name", gpu.name}}, *value);
        }
      }
    }
  }

  // A figure for each value of a label.
  using Figures = std::vector<std::pair<std::string_view, std::optional<double>>>;
  void gauges(std::string_view name, std::string_view help, std::string_view label,
              const std::function<Figures(const MachineSample&)>& get) {
    metrics_.family(name, "gauge", help);
    for (const Machine& machine : machines_) {
      for (const auto& [label_value, value] : get(machine.sample)) {
        if (value) {
          metrics_.value({{"agent", machine.agent}, {label, label_value}}, *value);
        }
      }
    }
  }

 private:
  MetricsText& metrics_;
  const std::vector<Machine>& machines_;
};

void write_machines(MachineMetrics& machines) {
  machines.gauge("hearth_machine_cpu_used_cores", "Cores in use on the machine.",
                 [](const MachineSample& s) { return scaled(s.cpu_percent, kPercent); });
  machines.gauge("hearth_machine_cpu_cores", "Cores that there are.",
                 [](const MachineSample& s) { return scaled(s.cpu_milli, kMilli); });
  machines.gauges(
      "hearth_machine_load", "Load average over so many minutes.", "minutes",
      [](const MachineSample& s) {
        return MachineMetrics::Figures{{"1", s.load_1m}, {"5", s.load_5m}, {"15", s.load_15m}};
      });
  machines.gauge("hearth_machine_memory_total_bytes", "Memory that there is.",
                 [](const MachineSample& s) { return s.memory_total_bytes; });
  machines.gauge("hearth_machine_memory_used_bytes", "Memory in use.",
                 [](const MachineSample& s) { return s.memory_used_bytes; });
  machines.gauge("hearth_machine_memory_available_bytes", "Memory that can be had at once.",
                 [](const MachineSample& s) { return s.memory_available_bytes; });
  machines.gauge("hearth_machine_disk_total_bytes", "Size of the data directory's file system.",
                 [](const MachineSample& s) { return s.disk_total_bytes; });
  machines.gauge("hearth_machine_disk_free_bytes", "Free space of it.",
                 [](const MachineSample& s) { return s.disk_free_bytes; });
  machines.gauge("hearth_machine_disk_read_bytes_per_second", "Read from its device.",
                 [](const MachineSample& s) { return s.disk_read_bytes_per_sec; });
  machines.gauge("hearth_machine_disk_write_bytes_per_second", "Written to its device.",
                 [](const MachineSample& s) { return s.disk_write_bytes_per_sec; });
  machines.gauge("hearth_machine_network_receive_bytes_per_second",
                 "Received by all interfaces but the loopback.",
                 [](const MachineSample& s) { return s.net_rx_bytes_per_sec; });
  machines.gauge("hearth_machine_network_transmit_bytes_per_second",
                 "Sent by all interfaces but the loopback.",
                 [](const MachineSample& s) { return s.net_tx_bytes_per_sec; });
  machines.gauges("hearth_machine_pressure_ratio",
                  "Share of the last ten seconds in which something waited for the resource.",
                  "resource", [](const MachineSample& s) {
                    return MachineMetrics::Figures{{"cpu", scaled(s.pressure.cpu, kPercent)},
                                                   {"memory", scaled(s.pressure.memory, kPercent)},
                                                   {"io", scaled(s.pressure.io, kPercent)}};
                  });
}

void write_gpus(MachineMetrics& machines) {
  machines.gpu_gauge("hearth_machine_gpu_utilization_ratio", "Use of the GPU, 0 to 1.",
                     [](const MachineGpu& gpu) { return scaled(gpu.util_percent, kPercent); });
  machines.gpu_gauge("hearth_machine_gpu_memory_used_bytes", "Its memory in use.",
                     [](const MachineGpu& gpu) { return gpu.memory_used_bytes; });
  machines.gpu_gauge("hearth_machine_gpu_memory_total_bytes", "Its memory.",
                     [](const MachineGpu& gpu) { return gpu.memory_total_bytes; });
  machines.gpu_gauge("hearth_machine_gpu_temperature_celsius", "Its temperature.",
                     [](const MachineGpu& gpu) { return gpu.temperature_celsius; });
  machines.gpu_gauge("hearth_machine_gpu_stale",
                     "1 while it does not answer and its figures are those of before.",
                     [](const MachineGpu& gpu) {
                       return std::optional<std::int64_t>(gpu.stale_since.has_value());
                     });
}

using registry::WorkerView;

std::optional<double> uptime_seconds(const WorkerView& worker) {
  const auto& uptime = worker.report.sample.uptime;
  return uptime ? std::optional(static_cast<double>(uptime->count()) / kMilli) : std::nullopt;
}

// Those that get series of their own, and how many do not, for which reason.
struct Exported {
  std::vector<const WorkerView*> workers;
  std::int64_t young = 0;
  std::int64_t silent = 0;
  std::int64_t past_limit = 0;
};

Exported choose(const std::vector<WorkerView>& workers, const std::set<AgentId>& silent) {
  constexpr double kAgeMin = static_cast<double>(limits::kExportedWorkerAgeMin.count()) / kMilli;
  Exported chosen;
  for (const WorkerView& worker : workers) {
    const auto age = uptime_seconds(worker);
    if (silent.contains(worker.agent)) {
      ++chosen.silent;
    } else if (age && *age < kAgeMin) {
      ++chosen.young;
    } else if (std::ssize(chosen.workers) >= limits::kExportedWorkersMax) {
      ++chosen.past_limit;
    } else {
      chosen.workers.push_back(&worker);
    }
  }
  return chosen;
}

class WorkerMetrics {
 public:
  WorkerMetrics(MetricsText& metrics, const std::vector<const WorkerView*>& workers)
      : metrics_(metrics), workers_(workers) {}

  template <class Get>
  void family(std::string_view name, std::string_view type, std::string_view help, Get get) {
    metrics_.family(name, type, help);
    for (const WorkerView* worker : workers_) {
      if (const auto value = get(worker->report.sample)) {
        const Labels of(*worker);
        metrics_.value({of.agent, of.worker, of.runtime, of.model}, *value);
      }
    }
  }
  template <class Get>
  void gauge(std::string_view name, std::string_view help, Get get) {
    family(name, "gauge", help, get);
  }

  void uptime() {
    metrics_.family("hearth_worker_uptime_seconds", "gauge", "Since the worker's start.");
    for (const WorkerView* worker : workers_) {
      if (const auto value = uptime_seconds(*worker)) {
        const Labels of(*worker);
        metrics_.value({of.agent, of.worker, of.runtime, of.model}, *value);
      }
    }
  }

  void pressure() {
    metrics_.family("hearth_worker_pressure_ratio", "gauge",
                    "Share of the last ten seconds in which the worker waited for the resource.");
    for (const WorkerView* worker : workers_) {
      const Labels of(*worker);
      const PressureSample& pressure = worker->report.sample.pressure;
      for (const auto& [resource, value] :
           {std::pair("cpu", pressure.cpu), std::pair("memory", pressure.memory),
            std::pair("io", pressure.io)}) {
        if (value) {
          metrics_.value({of.agent, of.worker, of.runtime, of.model, {"resource", resource}},
                         *value / kPercent);
        }
      }
    }
  }

  template <class Get>
  void gpu_gauge(std::string_view name, std::string_view help, Get get) {
    metrics_.family(name, "gauge", help);
    for (const WorkerView* worker : workers_) {
      const Labels of(*worker);
      for (const WorkerGpu& gpu : worker->report.sample.gpus) {
        if (const auto value = get(gpu)) {
          const std::string index = std::to_string(gpu.index);
          metrics_.value({of.agent, of.worker, of.runtime, of.model, {"gpu", index}}, *value);
        }
      }
    }
  }

 private:
  struct Labels {
    explicit Labels(const WorkerView& of)
        : agent("agent", of.agent.value()),
          worker("worker", of.report.info.id.value()),
          runtime("runtime", of.report.info.runtime),
          model("model", of.report.sample.model ? std::string_view(*of.report.sample.model)
                                                : std::string_view()) {}
    Label agent;
    Label worker;
    Label runtime;
    Label model;
  };

  MetricsText& metrics_;
  const std::vector<const WorkerView*>& workers_;
};

void write_worker_figures(WorkerMetrics& workers) {
  workers.gauge("hearth_worker_cpu_used_cores", "Cores that the worker uses.",
                [](const WorkerSample& s) { return scaled(s.cpu_percent, kPercent); });
  workers.family("hearth_worker_cpu_seconds_total", "counter", "CPU time since its start.",
                 [](const WorkerSample& s) { return scaled(s.cpu_ms, kMilli); });
  workers.gauge("hearth_worker_memory_bytes", "Memory of all its processes.",
                [](const WorkerSample& s) { return s.memory_bytes; });
  workers.gauge("hearth_worker_memory_peak_bytes", "The most it had.",
                [](const WorkerSample& s) { return s.memory_peak_bytes; });
  workers.gauge("hearth_worker_memory_anonymous_bytes", "Of its memory, what no file backs.",
                [](const WorkerSample& s) { return s.memory_anon_bytes; });
  workers.gauge("hearth_worker_memory_file_bytes", "Of its memory, what the page cache holds.",
                [](const WorkerSample& s) { return s.memory_file_bytes; });
  workers.gauge("hearth_worker_io_read_bytes_per_second", "Read from block devices.",
                [](const WorkerSample& s) { return s.io_read_bytes_per_sec; });
  workers.gauge("hearth_worker_io_write_bytes_per_second", "Written to block devices.",
                [](const WorkerSample& s) { return s.io_write_bytes_per_sec; });
  workers.gauge("hearth_worker_pids", "Its processes and threads.",
                [](const WorkerSample& s) { return s.pids; });
  workers.gauge("hearth_worker_throttled_ratio",
                "Share of the scheduler's periods in which its CPU limit held it back.",
                [](const WorkerSample& s) { return scaled(s.throttled_percent, kPercent); });
  workers.family("hearth_worker_oom_kills_total", "counter",
                 "Processes that the kernel killed at its memory limit.",
                 [](const WorkerSample& s) { return s.oom_kills; });
  workers.pressure();
  workers.gpu_gauge("hearth_worker_gpu_utilization_ratio", "Its use of a GPU, 0 to 1.",
                    [](const WorkerGpu& gpu) { return scaled(gpu.util_percent, kPercent); });
  workers.gpu_gauge("hearth_worker_gpu_memory_bytes", "Its memory on a GPU.",
                    [](const WorkerGpu& gpu) { return gpu.memory_bytes; });
}

void write_worker_counts(MetricsText& metrics, const std::vector<WorkerView>& workers,
                         const Exported& exported) {
  std::map<std::pair<std::string, WorkerState>, std::int64_t> counts;
  for (const WorkerView& worker : workers) {
    ++counts[{worker.report.info.runtime, worker.report.info.state}];
  }
  metrics.family("hearth_workers", "gauge", "Workers by runtime and state.");
  for (const auto& [key, count] : counts) {
    metrics.value({{"runtime", key.first}, {"state", to_string(key.second)}}, count);
  }
  metrics.family("hearth_workers_not_exported", "gauge",
                 "Workers without series of their own: younger than exported_worker_age_min, of an "
                 "agent that is not connected, or past exported_workers_max.");
  metrics.value({{"reason", "young"}}, exported.young);
  metrics.value({{"reason", "silent"}}, exported.silent);
  metrics.value({{"reason", "limit"}}, exported.past_limit);
}

}  // namespace

void append_telemetry_metrics(std::string& out, api::TelemetryApi& telemetry,
                              const std::vector<AgentView>& agents) {
  MetricsText metrics(out);
  write_agents(metrics, agents);
  std::vector<Machine> measured;
  // What an agent said before it was lost is no figure of now.
  std::set<AgentId> silent;
  for (const AgentView& agent : agents) {
    const AgentId& id = agent.record.info.id;
    if (!is_heard(agent)) {
      silent.insert(id);
    } else if (auto sample = telemetry.machine(id)) {
      measured.push_back({id.value(), *std::move(sample)});
    }
  }
  MachineMetrics machines(metrics, measured);
  write_machines(machines);
  write_gpus(machines);
  const std::vector<WorkerView> workers = telemetry.workers({});
  const Exported exported = choose(workers, silent);
  write_worker_counts(metrics, workers, exported);
  WorkerMetrics figures(metrics, exported.workers);
  write_worker_figures(figures);
  figures.uptime();
}

}  // namespace hearth::rest
