// How often each limit turned somebody away, for /metrics.
//
// Counting takes a lock: it happens where something is refused, which is neither often nor hot.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace hearth {

// Limits are constants in base/limits.h; outside, kQueueJobsMax is queue_jobs_max.
std::string outside_limit_name(std::string_view name);

// Thread-safe. Names come from the code, but should they ever not, no more than a few are kept.
class LimitCounts {
 public:
  // `limit`: either spelling; empty is not counted.
  void count(std::string_view limit);
  [[nodiscard]] std::map<std::string, std::uint64_t> snapshot() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::uint64_t> counts_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth
