// Who follows the output of which job.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "output/output_store.h"

namespace hearth::output {

// Thread-safe. Listeners run under the lock, so that none runs once remove() has returned.
class Listeners {
 public:
  explicit Listeners(std::size_t max) : max_(max) {}

  ListenerId add(JobId job, OutputListener listener);
  void remove(JobId job, ListenerId id);
  void notify(const StreamId& stream);

 private:
  const std::size_t max_;
  Mutex mutex_;
  std::unordered_map<JobId, std::vector<std::pair<ListenerId, OutputListener>>> by_job_
      HEARTH_GUARDED_BY(mutex_);
  std::size_t count_ HEARTH_GUARDED_BY(mutex_) = 0;
  ListenerId last_id_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::output
