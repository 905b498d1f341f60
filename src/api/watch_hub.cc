#include "api/watch_hub.h"

#include <string>
#include <utility>

namespace hearth::api {

Result<std::uint64_t> WatchHub::add(Watcher watcher) {
  const MutexLock lock(mutex_);
  if (watchers_.size() >= max_) {
    Error error = limit_exceeded("kWatchersMax", static_cast<std::int64_t>(max_),
                                 "watch: there are " + std::to_string(max_) +
                                     " watchers already; close some or try again later");
    error.kind = "rate_limited";
    return error;
  }
  watchers_.emplace(++last_id_, std::move(watcher));
  return last_id_;
}

void WatchHub::remove(std::uint64_t id) {
  const MutexLock lock(mutex_);
  watchers_.erase(id);
}

void WatchHub::events(const std::vector<std::shared_ptr<const Notice>>& notices) {
  const MutexLock lock(mutex_);
  for (const auto& [id, watcher] : watchers_) {
    if (watcher.on_events) {
      watcher.on_events(notices);
    }
  }
}

void WatchHub::agents(const std::set<AgentId>& changed) {
  const MutexLock lock(mutex_);
  for (const auto& [id, watcher] : watchers_) {
    for (const AgentId& agent : changed) {
      if (watcher.on_agent) {
        watcher.on_agent(agent);
      }
    }
  }
}

std::size_t WatchHub::size() {
  const MutexLock lock(mutex_);
  return watchers_.size();
}

}  // namespace hearth::api
