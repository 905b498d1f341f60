// All figures of an agent's workers, and of its machine, in one call.
//
// Made for the thread that collects: add() when a worker has started, remove() when it has ended,
// collect() at whatever rate somebody wants. It waits for nothing: kernel files answer at once, and
// GPU figures are those that GpuProbe has. A worker that cannot be read has a problem of its own
// and leaves the others theirs. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/probe/gpu_probe.h"
#include "agent/probe/machine_probe.h"
#include "agent/probe/worker_reader.h"
#include "base/clock.h"
#include "base/limits.h"
#include "model/telemetry.h"

namespace hearth::agent {

struct WorkerReading {
  std::string id;
  bool is_gone = false;  // its group or its processes are; remove() it
  WorkerSample sample;
  std::string problem;  // why there is no sample
};

class Collector {
 public:
  struct Deps {
    Clock& clock;
    const GpuProbe* gpus = nullptr;  // null: no GPU figures
  };
  struct Options {
    std::string proc_root = "/proc";
    std::int64_t files_kept_max = limits::kProbeFilesKeptMax;
    MachineProbeOptions machine;
  };

  Collector(const Deps& deps, Options options);
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Its counters are measured from here on. An id that is known is replaced.
  void add(WorkerTarget target);
  void remove(const std::string& id);
  [[nodiscard]] std::size_t size() const { return readers_.size(); }

  // One reading a worker, by id.
  std::vector<WorkerReading> collect();
  MachineSample machine();

 private:
  void begin_pass();
  void add_gpus(std::vector<WorkerReading>& readings);

  const Deps deps_;
  std::vector<char> buffer_;
  DescriptorBudget descriptors_;
  ProcessTable processes_;
  ReadContext context_;
  std::map<std::string, std::unique_ptr<WorkerReader>> readers_;
  MachineProbe machine_;
};

}  // namespace hearth::agent
