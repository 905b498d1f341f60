// Which links are open now, so that an output stream can only speak for an agent whose control
// stream stands; and how many streams there are, so that they can be bounded and waited for.
//
// Shared by all streams of one server. The mutex guards the map and the count; a message would not
// do, because the answer is needed before the next chunk is read.
#pragma once

#include <cstdint>
#include <map>

#include "base/mutex.h"
#include "model/ids.h"

namespace hearth::front::agentlink {

class LinkTable {
 public:
  explicit LinkTable(std::int64_t streams_max) : streams_max_(streams_max) {}

  void add(std::uint64_t link, const AgentId& agent) {
    const MutexLock lock(mutex_);
    links_.insert_or_assign(link, agent);
  }
  void remove(std::uint64_t link) {
    const MutexLock lock(mutex_);
    links_.erase(link);
  }
  [[nodiscard]] bool holds(std::uint64_t link, const AgentId& agent) {
    const MutexLock lock(mutex_);
    const auto found = links_.find(link);
    return found != links_.end() && found->second == agent;
  }

  // False: there are streams_max already; the stream must not count itself out either.
  [[nodiscard]] bool stream_opened() {
    const MutexLock lock(mutex_);
    if (streams_ >= streams_max_) {
      return false;
    }
    ++streams_;
    return true;
  }
  void stream_closed() {
    const MutexLock lock(mutex_);
    --streams_;
    none_left_.notify_all();
  }
  [[nodiscard]] std::int64_t streams() {
    const MutexLock lock(mutex_);
    return streams_;
  }
  void wait_until_none() {
    const MutexLock lock(mutex_);
    while (streams_ != 0) {
      none_left_.wait(mutex_);
    }
  }

 private:
  const std::int64_t streams_max_;
  Mutex mutex_;
  Condition none_left_;
  std::map<std::uint64_t, AgentId> links_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t streams_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::front::agentlink
