// The open connections of agents, by the number that each was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "api/agent_port.h"
#include "base/mutex.h"

namespace hearth::api {

// Thread-safe. An effect for a link that is gone is dropped: the core hears of the closing and
// settles what it meant when the agent is back.
class LinkTable {
 public:
  std::uint64_t add(std::shared_ptr<AgentConnection> connection);
  void remove(std::uint64_t link);
  // nullptr when gone.
  std::shared_ptr<AgentConnection> find(std::uint64_t link);
  // Refuses and forgets it; the connection closes itself and says so.
  void reject(std::uint64_t link, const Error& error);
  [[nodiscard]] std::size_t size();

 private:
  Mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<AgentConnection>> links_
      HEARTH_GUARDED_BY(mutex_);
  std::uint64_t last_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::api
