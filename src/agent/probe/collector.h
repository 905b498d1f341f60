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
#include "agent/probe/sample_source.h"
#include "agent/probe/worker_reader.h"
#include "base/clock.h"
#include "base/limits.h"
#include "model/telemetry.h"

namespace hearth::agent {

class Collector final : public SampleSource {
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

  void add(WorkerTarget target) override;
  void remove(const std::string& id) override;
  [[nodiscard]] std::size_t size() const { return readers_.size(); }

  std::vector<WorkerReading> collect() override;
  MachineSample machine() override;

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
