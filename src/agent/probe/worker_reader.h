// Reads the figures of one worker, again and again.
//
// CgroupReader for those in groups, ProcessTreeReader where the host has none. A reader is made
// when its worker starts: what its counters show by then is the line that rates are measured from,
// also where a group's folders have served another worker before. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/probe/kept_file.h"
#include "agent/probe/process_table.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/telemetry.h"

namespace hearth::agent {

// What all readers of one collector share; outlives them.
struct ReadContext {
  Clock& clock;
  DescriptorBudget& descriptors;
  ProcessTable& processes;
  std::string proc_root;  // "/proc"
  std::int64_t ticks_per_second = 0;
  std::int64_t page_bytes = 0;
  std::span<char> buffer;                         // for one file at a time
  std::optional<std::int64_t> machine_uptime_ms;  // of this collection
};

struct WorkerTarget {
  std::string id;
  GroupFolders folders;                    // of CgroupHandle::folders()
  pid_t leader = 0;                        // the process that was started; 0: not known
  std::vector<std::string> marks;          // of CgroupHandle::env_marks()
  std::optional<std::int64_t> started_ns;  // monotonic; else the first process's start counts
};

class WorkerReader {
 public:
  virtual ~WorkerReader() = default;
  // Every figure but the GPUs; what cannot be read is nullopt. NotFound when the worker is gone,
  // another error when nothing of it can be read.
  virtual Result<WorkerSample> read() = 0;
  // Its processes, those in nested groups too; none when they cannot be listed.
  virtual std::vector<pid_t> pids() = 0;
};

std::unique_ptr<WorkerReader> make_worker_reader(ReadContext& context, WorkerTarget target);

}  // namespace hearth::agent
