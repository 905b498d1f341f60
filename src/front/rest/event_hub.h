// Fans the controller's notices out to the event streams that are open.
//
// The controller calls one watcher per hub, whatever the number of streams: it appends to one ring
// and wakes whom it concerns, so a stream costs the controller one wake-up at most, and a slow one
// nothing more. Streams read the ring at their own pace, on their own threads; one that falls
// behind its start is told so.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "api/controller_api.h"
#include "base/mutex.h"
#include "net/http_server.h"

namespace hearth::rest {

// Thread-safe. Must outlive the streams; `api` must outlive it.
class EventHub {
 public:
  EventHub(api::ControllerApi& api, std::int64_t ring_events_max);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // Begins to watch; once, before the first stream.
  Result<> start();

  // Told when anything happens to that job, or (JobId empty) to any job or agent.
  using Ticket = std::uint64_t;
  Ticket subscribe(JobId job, net::Wakeup wakeup);
  void unsubscribe(JobId job, Ticket ticket);

  // Of the last event told of that job since somebody subscribed to it; empty when none was.
  [[nodiscard]] EventSeq newest(JobId job) const;

  // Notices behind `after`, at most `max`; `lost` when some of them have left the ring already.
  struct Batch {
    std::vector<std::shared_ptr<const api::Notice>> notices;
    bool lost = false;
  };
  [[nodiscard]] Batch read(EventSeq after, std::size_t max) const;

  // Agents that changed behind `version`, and the version to ask from next time.
  struct AgentChanges {
    std::vector<AgentId> agents;
    std::uint64_t version = 0;
  };
  [[nodiscard]] AgentChanges agents_after(std::uint64_t version) const;

  [[nodiscard]] std::int64_t streams() const;
  [[nodiscard]] std::int64_t ring_events() const;
  // A stream has to begin anew.
  void note_lagged() { lagged_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lagged() const { return lagged_.load(); }

 private:
  void on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices);
  void on_agent(const AgentId& agent);
  void wake(JobId job, EventSeq seq) HEARTH_REQUIRES(mutex_);

  struct Topic {
    std::map<Ticket, net::Wakeup> subscribers;
    EventSeq newest;
  };

  api::ControllerApi& api_;
  const std::int64_t ring_events_max_;
  mutable Mutex mutex_;
  std::deque<std::shared_ptr<const api::Notice>> ring_ HEARTH_GUARDED_BY(mutex_);
  // Everything behind it is in the ring.
  EventSeq ring_start_ HEARTH_GUARDED_BY(mutex_);
  std::unordered_map<JobId, Topic> topics_ HEARTH_GUARDED_BY(mutex_);
  std::map<AgentId, std::uint64_t> agent_versions_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t agent_version_ HEARTH_GUARDED_BY(mutex_) = 0;
  Ticket last_ticket_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::int64_t streams_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> watch_;
  std::atomic<std::uint64_t> lagged_{0};
};

}  // namespace hearth::rest
