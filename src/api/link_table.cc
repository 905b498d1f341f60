#include "api/link_table.h"

#include <utility>

namespace hearth::api {

std::uint64_t LinkTable::add(std::shared_ptr<AgentConnection> connection) {
  const MutexLock lock(mutex_);
  links_.emplace(++last_, std::move(connection));
  return last_;
}

void LinkTable::remove(std::uint64_t link) {
  std::shared_ptr<AgentConnection> connection;  // may be the last reference: destroyed unlocked
  const MutexLock lock(mutex_);
  const auto found = links_.find(link);
  if (found != links_.end()) {
    connection = std::move(found->second);
    links_.erase(found);
  }
}

std::shared_ptr<AgentConnection> LinkTable::find(std::uint64_t link) {
  const MutexLock lock(mutex_);
  const auto found = links_.find(link);
  return found == links_.end() ? nullptr : found->second;
}

void LinkTable::reject(std::uint64_t link, const Error& error) {
  if (const std::shared_ptr<AgentConnection> connection = find(link)) {
    remove(link);
    connection->reject(error);
  }
}

std::size_t LinkTable::size() {
  const MutexLock lock(mutex_);
  return links_.size();
}

}  // namespace hearth::api
