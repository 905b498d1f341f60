// Where telemetry takes its figures from: Collector, or a fake that a test fills
// (agent/telemetry/testing/).
#pragma once

#include <string>
#include <vector>

#include "agent/probe/worker_reader.h"
#include "model/telemetry.h"

namespace hearth::agent {

struct WorkerReading {
  std::string id;
  bool is_gone = false;  // its group or its processes are; remove() it
  WorkerSample sample;
  std::string problem;  // why there is no sample
};

// Thread-compatible: one call at a time.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // Its counters are measured from here on. An id that is known is replaced.
  virtual void add(WorkerTarget target) = 0;
  virtual void remove(const std::string& id) = 0;
  // One reading a worker, by id.
  virtual std::vector<WorkerReading> collect() = 0;
  virtual MachineSample machine() = 0;
};

}  // namespace hearth::agent
