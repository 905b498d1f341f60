#include "registry/worker_query.h"

#include <algorithm>

#include "sched/fleet.h"

namespace hearth::registry {
namespace {

bool wants_something_of_the_agent(const WorkerQuery& query) {
  return !query.labels.empty() || query.free_cpu_milli_min > 0 || query.free_memory_bytes_min > 0;
}

bool agent_matches(const WorkerQuery& query, const AgentView& agent) {
  const ResourceVector wanted{.cpu_milli = query.free_cpu_milli_min,
                              .memory_bytes = query.free_memory_bytes_min};
  ResourceVector free = agent.record.info.capacity;
  free.subtract(agent.reserved);
  return wanted.fits_in(free) &&
         sched::has_labels(sched::matchable_labels(agent.record.info), query.labels);
}

bool has_free_vram(const MachineSample& machine, std::int64_t bytes) {
  return std::any_of(machine.gpus.begin(), machine.gpus.end(), [bytes](const MachineGpu& gpu) {
    return gpu.memory_total_bytes && gpu.memory_used_bytes &&
           *gpu.memory_total_bytes - *gpu.memory_used_bytes >= bytes;
  });
}

}  // namespace

bool is_idle(const WorkerInfo& worker) {
  return worker.state == WorkerState::Ready && worker.jobs.empty();
}

bool matches(const WorkerQuery& query, const WorkerView& worker, const AgentView* agent,
             const MachineSample* machine) {
  const WorkerReport& report = worker.report;
  return (!query.agent || *query.agent == worker.agent) && (!query.idle || is_idle(report.info)) &&
         (!query.model || query.model == report.sample.model) &&
         (!query.key || *query.key == report.info.key) &&
         (!wants_something_of_the_agent(query) ||
          (agent != nullptr && agent_matches(query, *agent))) &&
         (query.free_vram_bytes_min <= 0 ||
          (machine != nullptr && has_free_vram(*machine, query.free_vram_bytes_min)));
}

}  // namespace hearth::registry
