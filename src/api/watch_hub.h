// Tells watchers what was committed, in seq order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "api/controller_api.h"
#include "base/mutex.h"

namespace hearth::api {

// Thread-safe. Watchers run under the lock, so that none runs once remove() has returned; they only
// post, and must not add or remove watchers.
class WatchHub {
 public:
  explicit WatchHub(std::size_t max) : max_(max) {}

  Result<std::uint64_t> add(Watcher watcher);
  void remove(std::uint64_t id);

  void events(const std::vector<std::shared_ptr<const Notice>>& notices);
  void agents(const std::set<AgentId>& changed);
  [[nodiscard]] std::size_t size();

 private:
  const std::size_t max_;
  Mutex mutex_;
  std::map<std::uint64_t, Watcher> watchers_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t last_id_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::api
