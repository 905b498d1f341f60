// Where GPU figures come from: NvmlSource, SmiSource, FakeGpuSource (testing/).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/telemetry.h"

namespace hearth::agent {

// What one process has of one GPU.
struct GpuProcess {
  std::int32_t gpu = 0;  // MachineGpu::index
  pid_t pid = 0;
  std::optional<double> util_percent;
  std::optional<std::int64_t> memory_bytes;

  friend bool operator==(const GpuProcess&, const GpuProcess&) = default;
};

struct GpuReading {
  std::vector<MachineGpu> gpus;  // by index; never stale by themselves
  std::vector<GpuProcess> processes;
  std::string problem;  // what of it could not be had

  friend bool operator==(const GpuReading&, const GpuReading&) = default;
};

class GpuSource {
 public:
  virtual ~GpuSource() = default;
  // All GPUs and all processes on them at once. May take as long as the driver does, for ever too:
  // called on a thread that nobody waits for. NotFound: this machine has no such driver or no GPU.
  virtual Result<GpuReading> read() = 0;
  // Ends a read() that waits, if it can be ended. Any thread.
  virtual void cancel() {}
};

}  // namespace hearth::agent
