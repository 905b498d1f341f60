#include "agent/probe/worker_reader.h"

#include <utility>

#include "agent/probe/cgroup_reader.h"
#include "agent/probe/process_tree_reader.h"

namespace hearth::agent {

std::unique_ptr<WorkerReader> make_worker_reader(ReadContext& context, WorkerTarget target) {
  if (target.folders.kind == Enforcement::None) {
    return std::make_unique<ProcessTreeReader>(context, std::move(target));
  }
  return std::make_unique<CgroupReader>(context, std::move(target));
}

}  // namespace hearth::agent
