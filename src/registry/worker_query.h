// Which workers somebody asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/agent.h"
#include "model/worker.h"

namespace hearth::registry {

// A worker as the controller knows it. `agent` is empty for those that are not Hearth's own.
struct WorkerView {
  AgentId agent;
  WorkerReport report;
  std::optional<TimePoint> started_at;  // by the controller's clock
  std::optional<Duration> started;      // the same by its monotonic clock
};

// What is not set does not matter. A figure that is not known satisfies no wish.
struct WorkerQuery {
  std::optional<AgentId> agent;
  bool idle = false;  // READY and without a job
  std::optional<std::string> model;
  std::optional<std::string> key;
  Labels labels;                        // of its agent, as jobs require them
  std::int64_t free_cpu_milli_min = 0;  // what its agent has not reserved
  std::int64_t free_memory_bytes_min = 0;
  std::int64_t free_vram_bytes_min = 0;  // on one GPU of its agent
};

bool is_idle(const WorkerInfo& worker);

// `agent` and `machine` are those of the worker; null when not known.
bool matches(const WorkerQuery& query, const WorkerView& worker, const AgentView* agent,
             const MachineSample* machine);

}  // namespace hearth::registry
