#include "front/rest/event_hub.h"

#include <algorithm>
#include <iterator>

namespace hearth::rest {

EventHub::EventHub(api::ControllerApi& api, std::int64_t ring_events_max)
    : api_(api), ring_events_max_(ring_events_max) {}

EventHub::~EventHub() {
  if (watch_) {
    api_.unwatch(*watch_);
  }
}

Result<> EventHub::start() {
  HEARTH_ASSIGN(watch_,
                api_.watch({.on_events = [this](const auto& notices) { on_events(notices); },
                            .on_agent = [this](const AgentId& id) { on_agent(id); }}));
  // Asked after the watch began, so that nothing lies between the two; what was told already and is
  // not newer does no harm in the ring.
  const EventSeq start = api_.last_event();
  const MutexLock lock(mutex_);
  ring_start_ = std::max(ring_start_, start);
  return {};
}

EventHub::Ticket EventHub::subscribe(JobId job, net::Wakeup wakeup) {
  const MutexLock lock(mutex_);
  topics_[job].subscribers.emplace(++last_ticket_, std::move(wakeup));
  ++streams_;
  return last_ticket_;
}

void EventHub::unsubscribe(JobId job, Ticket ticket) {
  const MutexLock lock(mutex_);
  const auto found = topics_.find(job);
  if (found == topics_.end() || found->second.subscribers.erase(ticket) == 0) {
    return;
  }
  --streams_;
  if (found->second.subscribers.empty()) {
    topics_.erase(found);
  }
}

void EventHub::wake(JobId job, EventSeq seq) {
  const auto found = topics_.find(job);
  if (found == topics_.end()) {
    return;
  }
  found->second.newest = std::max(found->second.newest, seq);
  for (const auto& [ticket, wakeup] : found->second.subscribers) {
    wakeup.notify();
  }
}

EventSeq EventHub::newest(JobId job) const {
  const MutexLock lock(mutex_);
  const auto found = topics_.find(job);
  return found == topics_.end() ? EventSeq() : found->second.newest;
}

void EventHub::on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices) {
  const MutexLock lock(mutex_);
  for (const auto& notice : notices) {
    ring_.push_back(notice);
    if (static_cast<std::int64_t>(ring_.size()) > ring_events_max_) {
      ring_start_ = std::max(ring_start_, ring_.front()->event.seq);
      ring_.pop_front();
    }
    wake(notice->event.after.id, notice->event.seq);
  }
  wake(JobId(), EventSeq());
}

void EventHub::on_agent(const AgentId& agent) {
  const MutexLock lock(mutex_);
  agent_versions_[agent] = ++agent_version_;
  wake(JobId(), EventSeq());
}

EventHub::Batch EventHub::read(EventSeq after, std::size_t max) const {
  const MutexLock lock(mutex_);
  Batch batch;
  batch.lost = after < ring_start_;
  if (batch.lost) {
    return batch;
  }
  auto first =
      std::upper_bound(ring_.begin(), ring_.end(), after,
                       [](EventSeq seq, const auto& notice) { return seq < notice->event.seq; });
  for (; first != ring_.end() && batch.notices.size() < max; ++first) {
    batch.notices.push_back(*first);
  }
  return batch;
}

EventHub::AgentChanges EventHub::agents_after(std::uint64_t version) const {
  const MutexLock lock(mutex_);
  AgentChanges changes;
  changes.version = agent_version_;
  if (version == agent_version_) {
    return changes;
  }
  for (const auto& [agent, changed] : agent_versions_) {
    if (changed > version) {
      changes.agents.push_back(agent);
    }
  }
  return changes;
}

std::int64_t EventHub::ring_events() const {
  const MutexLock lock(mutex_);
  return std::ssize(ring_);
}

std::int64_t EventHub::streams() const {
  const MutexLock lock(mutex_);
  return streams_;
}

}  // namespace hearth::rest
