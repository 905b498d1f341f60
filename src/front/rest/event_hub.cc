#include "front/rest/event_hub.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/telemetry_limits.h"

namespace hearth::rest {

EventHub::EventHub(api::ControllerApi& api, api::TelemetryApi& telemetry,
                   std::int64_t ring_events_max)
    : api_(api), telemetry_(telemetry), ring_events_max_(ring_events_max) {}

EventHub::~EventHub() {
  if (telemetry_watch_) {
    telemetry_.unwatch_telemetry(*telemetry_watch_);
  }
  if (watch_) {
    api_.unwatch(*watch_);
  }
}

Result<> EventHub::start() {
  HEARTH_ASSIGN(watch_,
                api_.watch({.on_events = [this](const auto& notices) { on_events(notices); },
                            .on_agent = [this](const AgentId& id) { on_agent(id); }}));
  telemetry_watch_ = telemetry_.watch_telemetry(
      {.on_worker = [this](const AgentId& agent,
                           const WorkerId& worker) { on_worker(agent, worker); },
       .on_figures = [this](const AgentId& agent) { on_figures(agent); }});
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

void EventHub::note(JobId job, EventSeq seq, std::vector<net::Wakeup>& concerned) {
  const auto found = topics_.find(job);
  if (found == topics_.end()) {
    return;
  }
  found->second.newest = std::max(found->second.newest, seq);
  for (const auto& [ticket, wakeup] : found->second.subscribers) {
    concerned.push_back(wakeup);
  }
}

EventSeq EventHub::newest(JobId job) const {
  const MutexLock lock(mutex_);
  const auto found = topics_.find(job);
  return found == topics_.end() ? EventSeq() : found->second.newest;
}

void EventHub::on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices) {
  std::vector<net::Wakeup> concerned;
  {
    const MutexLock lock(mutex_);
    for (const auto& notice : notices) {
      ring_.push_back(notice);
      if (static_cast<std::int64_t>(ring_.size()) > ring_events_max_) {
        ring_start_ = std::max(ring_start_, ring_.front()->event.seq);
        ring_.pop_front();
      }
      note(notice->event.after.id, notice->event.seq, concerned);
    }
    note(JobId(), EventSeq(), concerned);
  }
  notify(concerned);
}

void EventHub::on_agent(const AgentId& agent) {
  {
    const MutexLock lock(mutex_);
    agents_.note(agent);
  }
  wake_feeds();
}

void EventHub::on_worker(const AgentId& agent, const WorkerId& worker) {
  {
    const MutexLock lock(mutex_);
    ++workers_version_;
    workers_.emplace_back(agent, worker);
    if (static_cast<std::int64_t>(workers_.size()) > limits::kWorkersGoneKeptMax) {
      workers_.pop_front();
    }
  }
  wake_feeds();
}

void EventHub::on_figures(const AgentId& agent) {
  {
    const MutexLock lock(mutex_);
    figures_.note(agent);
  }
  wake_feeds();
}

void EventHub::wake_feeds() {
  std::vector<net::Wakeup> concerned;
  {
    const MutexLock lock(mutex_);
    note(JobId(), EventSeq(), concerned);
  }
  notify(concerned);
}

// Without the lock, which those who are woken want at once.
void EventHub::notify(const std::vector<net::Wakeup>& concerned) {
  woken_.fetch_add(concerned.size(), std::memory_order_relaxed);
  for (const net::Wakeup& wakeup : concerned) {
    wakeup.notify();
  }
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

EventHub::AgentChanges EventHub::Versions::after(std::uint64_t version) const {
  AgentChanges changes;
  changes.version = latest;
  if (version >= latest) {
    return changes;
  }
  for (const auto& [agent, changed] : agents) {
    if (changed > version) {
      changes.agents.push_back(agent);
    }
  }
  return changes;
}

EventHub::AgentChanges EventHub::agents_after(std::uint64_t version) const {
  const MutexLock lock(mutex_);
  return agents_.after(version);
}

EventHub::AgentChanges EventHub::figures_after(std::uint64_t version) const {
  const MutexLock lock(mutex_);
  return figures_.after(version);
}

EventHub::WorkerChanges EventHub::workers_after(std::uint64_t version) const {
  const MutexLock lock(mutex_);
  WorkerChanges changes;
  changes.version = workers_version_;
  if (version >= workers_version_) {
    return changes;
  }
  const std::uint64_t missed = workers_version_ - version;
  changes.lost = missed > workers_.size();
  if (!changes.lost) {
    changes.workers.insert(workers_.end() - static_cast<std::ptrdiff_t>(missed), workers_.end());
  }
  return changes;
}

bool EventHub::has_news(const FeedPosition& position) const {
  const MutexLock lock(mutex_);
  return position.seq < ring_start_ || position.agents < agents_.latest ||
         position.workers < workers_version_ || position.figures < figures_.latest ||
         (!ring_.empty() && position.seq < ring_.back()->event.seq);
}

FeedPosition EventHub::now() const {
  const EventSeq seq = api_.last_event();
  const MutexLock lock(mutex_);
  return {.seq = seq,
          .agents = agents_.latest,
          .workers = workers_version_,
          .figures = figures_.latest};
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
