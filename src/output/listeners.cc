#include "output/listeners.h"

namespace hearth::output {

ListenerId Listeners::add(JobId job, OutputListener listener) {
  const MutexLock lock(mutex_);
  if (count_ >= max_) {
    return 0;
  }
  ++count_;
  by_job_[job].emplace_back(++last_id_, std::move(listener));
  return last_id_;
}

void Listeners::remove(JobId job, ListenerId id) {
  const MutexLock lock(mutex_);
  const auto found = by_job_.find(job);
  if (found == by_job_.end()) {
    return;
  }
  count_ -= std::erase_if(found->second, [id](const auto& entry) { return entry.first == id; });
  if (found->second.empty()) {
    by_job_.erase(found);
  }
}

void Listeners::notify(const StreamId& stream) {
  const MutexLock lock(mutex_);
  const auto found = by_job_.find(stream.job);
  if (found == by_job_.end()) {
    return;
  }
  for (const auto& [id, listener] : found->second) {
    listener(stream);
  }
}

}  // namespace hearth::output
