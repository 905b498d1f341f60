// The figures of a worker on a host without groups: those of its processes together, as far as
// /proc has them. Peak memory is the highest that was seen. A process that left the session and
// whose parent has ended is still found by the mark in its environment.
#pragma once

#include "agent/probe/process_files.h"
#include "agent/probe/rate.h"
#include "agent/probe/worker_reader.h"

namespace hearth::agent {

class ProcessTreeReader final : public WorkerReader {
 public:
  ProcessTreeReader(ReadContext& context, WorkerTarget target);

  Result<WorkerSample> read() override;
  std::vector<pid_t> pids() override;

 private:
  void read_memory(const std::vector<pid_t>& pids, WorkerSample& sample);

  ReadContext& context_;
  const WorkerTarget target_;
  std::string mark_;
  std::optional<std::int64_t> memory_peak_bytes_;
  CounterRate cpu_rate_;
  CounterRate read_rate_;
  CounterRate write_rate_;
  ProcessIo process_io_;
  ModelFinder model_;
};

}  // namespace hearth::agent
