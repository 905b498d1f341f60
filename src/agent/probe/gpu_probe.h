// GPU figures that are there at once, however long the driver takes.
//
// A thread of its own asks the sources, the first that has an answer counts; whoever wants figures
// gets those of the last answer, and since when they are stale if a new one is overdue. A driver
// that hangs therefore costs nobody but this thread anything; at the end it is waited for a moment,
// then left to itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/probe/gpu_source.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/time.h"

namespace hearth::agent {

struct GpuSnapshot {
  std::shared_ptr<const GpuReading> reading;  // null: there never was any
  std::optional<TimePoint> stale_since;
  std::string problem;  // why it is stale, missing or not whole; empty when there is just no GPU
};

struct GpuProbeOptions {
  Duration interval = limits::kGpuInterval;
  Duration interval_max = limits::kGpuIntervalMax;  // where there is nothing to ask
  Duration deadline = limits::kGpuDeadline;
};

class GpuProbe {
 public:
  // Starts asking. `clock` outlives the probe; a thread that is left behind does not use it.
  GpuProbe(Clock& clock, std::vector<std::unique_ptr<GpuSource>> sources, GpuProbeOptions options);
  ~GpuProbe();
  GpuProbe(const GpuProbe&) = delete;
  GpuProbe& operator=(const GpuProbe&) = delete;

  // Never waits. Any thread.
  [[nodiscard]] GpuSnapshot latest() const;

 private:
  struct State;
  static void serve(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

// NVML, then nvidia-smi.
struct GpuSourceOptions {
  std::string nvml_library;  // empty: the system's
  std::string smi_command = "nvidia-smi";
  Duration smi_deadline = limits::kGpuDeadline;
};
Result<std::vector<std::unique_ptr<GpuSource>>> system_gpu_sources(Clock& clock,
                                                                   const GpuSourceOptions& options);

}  // namespace hearth::agent
