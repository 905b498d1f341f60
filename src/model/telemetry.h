// What workers and machines were measured to use, as values.
//
// A figure that is not known is nullopt, never 0: it could not be read, the kernel does not count
// it, or it is a rate and there is no earlier sample to compare with.
//
// Units are in the names. CPU percent: 100 is one core. Pressure: percent of the last ten seconds
// in which some process waited. Rates are those of the time since the sample before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace hearth {

struct PressureSample {
  std::optional<double> cpu;
  std::optional<double> memory;
  std::optional<double> io;

  friend bool operator==(const PressureSample&, const PressureSample&) = default;
};

// One worker's part of one GPU.
struct WorkerGpu {
  std::int32_t index = 0;
  std::optional<double> util_percent;
  std::optional<std::int64_t> memory_bytes;
  bool stale = false;  // the figures are of the last time that the GPU answered

  friend bool operator==(const WorkerGpu&, const WorkerGpu&) = default;
};

struct WorkerSample {
  std::optional<std::int32_t> pid;  // of the first process
  std::optional<Duration> uptime;
  std::optional<double> cpu_percent;
  std::optional<std::int64_t> cpu_ms;  // since the worker's start
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_peak_bytes;
  std::optional<std::int64_t> memory_anon_bytes;
  std::optional<std::int64_t> memory_file_bytes;
  std::optional<std::int64_t> io_read_bytes_per_sec;
  std::optional<std::int64_t> io_write_bytes_per_sec;
  std::optional<std::int64_t> pids;  // threads count, as for the limit
  // Of the scheduler's periods since the sample before, those in which the CPU limit held it back.
  std::optional<double> throttled_percent;
  std::optional<std::int64_t> oom_kills;
  PressureSample pressure;
  std::vector<WorkerGpu> gpus;       // those that it uses, by index
  std::optional<std::string> model;  // named on its command line

  friend bool operator==(const WorkerSample&, const WorkerSample&) = default;
};

struct MachineGpu {
  std::int32_t index = 0;
  std::string name;
  std::optional<double> util_percent;
  std::optional<std::int64_t> memory_used_bytes;
  std::optional<std::int64_t> memory_total_bytes;
  std::optional<double> temperature_celsius;
  // Set while the GPU does not answer: when its figures were taken, by the agent's clock.
  std::optional<TimePoint> stale_since;

  friend bool operator==(const MachineGpu&, const MachineGpu&) = default;
};

// Where the agent's own group has less than the host, memory and cores are that group's.
struct MachineSample {
  std::optional<double> cpu_percent;
  std::optional<std::int64_t> cpu_milli;  // thousandths of a core that there are
  std::optional<double> load_1m;
  std::optional<double> load_5m;
  std::optional<double> load_15m;
  std::optional<std::int64_t> memory_total_bytes;
  std::optional<std::int64_t> memory_used_bytes;
  std::optional<std::int64_t> memory_available_bytes;
  // Of the file system that holds the data directory, and the device below it.
  std::optional<std::int64_t> disk_total_bytes;
  std::optional<std::int64_t> disk_free_bytes;
  std::optional<std::int64_t> disk_read_bytes_per_sec;
  std::optional<std::int64_t> disk_write_bytes_per_sec;
  // All interfaces but the loopback.
  std::optional<std::int64_t> net_rx_bytes_per_sec;
  std::optional<std::int64_t> net_tx_bytes_per_sec;
  PressureSample pressure;
  std::vector<MachineGpu> gpus;  // by index
  std::string gpu_problem;  // why GPU figures are stale or missing; empty when nothing is wrong

  friend bool operator==(const MachineSample&, const MachineSample&) = default;
};

}  // namespace hearth
