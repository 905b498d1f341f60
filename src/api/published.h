// What the core thread lets others read without asking it: agents and counts, copied out after a
// turn. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/agent.h"
#include "model/job_state.h"

namespace hearth::api {

class Published {
 public:
  using Agents = std::vector<AgentView>;
  using Counts = std::map<JobState, std::int64_t>;

  void set_agents(std::shared_ptr<const Agents> agents) {
    const MutexLock lock(mutex_);
    agents_.swap(agents);
  }
  void set_counts(Counts counts) {
    const MutexLock lock(mutex_);
    counts_ = std::move(counts);
  }

  [[nodiscard]] std::shared_ptr<const Agents> agents() {
    const MutexLock lock(mutex_);
    return agents_;
  }
  [[nodiscard]] Counts counts() {
    const MutexLock lock(mutex_);
    return counts_;
  }

 private:
  Mutex mutex_;
  std::shared_ptr<const Agents> agents_ HEARTH_GUARDED_BY(mutex_) =
      std::make_shared<const Agents>();
  Counts counts_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::api
