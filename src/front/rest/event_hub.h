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
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/controller_api.h"
#include "api/telemetry_api.h"
#include "base/mutex.h"
#include "net/http_server.h"

namespace hearth::rest {

// What a feed has seen, in each of the orders that it follows. A part that it does not want to see
// is kNotWanted, and then never news.
struct FeedPosition {
  static constexpr std::uint64_t kNotWanted = ~std::uint64_t{0};

  EventSeq seq;
  std::uint64_t agents = 0;   // EventHub::agents_after
  std::uint64_t workers = 0;  // EventHub::workers_after
  std::uint64_t figures = 0;  // EventHub::figures_after

  friend bool operator==(const FeedPosition&, const FeedPosition&) = default;
};

// Thread-safe. Must outlive the streams; the APIs must outlive it.
class EventHub {
 public:
  EventHub(api::ControllerApi& api, api::TelemetryApi& telemetry, std::int64_t ring_events_max);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // Begins to watch; once, before the first stream.
  Result<> start();

  // Told when anything happens to that job, or (JobId empty) to any job, agent or worker.
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
  // Whether anything happened since.
  [[nodiscard]] bool has_news(const FeedPosition& position) const;
  // All that has happened.
  [[nodiscard]] FeedPosition now() const;

  // Agents that changed behind `version`, and the version to ask from next time.
  struct AgentChanges {
    std::vector<AgentId> agents;
    std::uint64_t version = 0;
  };
  [[nodiscard]] AgentChanges agents_after(std::uint64_t version) const;
  // Agents that sent figures behind `version`.
  [[nodiscard]] AgentChanges figures_after(std::uint64_t version) const;
  // Workers that came, went or changed behind `version`; `lost` when some are forgotten already.
  struct WorkerChanges {
    std::set<std::pair<AgentId, WorkerId>> workers;
    std::uint64_t version = 0;
    bool lost = false;
  };
  [[nodiscard]] WorkerChanges workers_after(std::uint64_t version) const;

  [[nodiscard]] std::int64_t streams() const;
  [[nodiscard]] std::int64_t ring_events() const;
  // A stream has to begin anew.
  void note_lagged() { lagged_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lagged() const { return lagged_.load(); }
  // Streams woken, each as often as there was something for it.
  [[nodiscard]] std::uint64_t woken() const { return woken_.load(); }

 private:
  void on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices);
  void on_agent(const AgentId& agent);
  void on_worker(const AgentId& agent, const WorkerId& worker);
  void on_figures(const AgentId& agent);
  void wake_feeds();
  void note(JobId job, EventSeq seq, std::vector<net::Wakeup>& concerned) HEARTH_REQUIRES(mutex_);
  void notify(const std::vector<net::Wakeup>& concerned);

  // Who changed when, each with its latest change.
  struct Versions {
    std::map<AgentId, std::uint64_t> agents;
    std::uint64_t latest = 0;

    void note(const AgentId& agent) { agents[agent] = ++latest; }
    [[nodiscard]] AgentChanges after(std::uint64_t version) const;
  };
  struct Topic {
    std::map<Ticket, net::Wakeup> subscribers;
    EventSeq newest;
  };

  api::ControllerApi& api_;
  api::TelemetryApi& telemetry_;
  const std::int64_t ring_events_max_;
  mutable Mutex mutex_;
  std::deque<std::shared_ptr<const api::Notice>> ring_ HEARTH_GUARDED_BY(mutex_);
  // Everything behind it is in the ring.
  EventSeq ring_start_ HEARTH_GUARDED_BY(mutex_);
  std::unordered_map<JobId, Topic> topics_ HEARTH_GUARDED_BY(mutex_);
  Versions agents_ HEARTH_GUARDED_BY(mutex_);
  Versions figures_ HEARTH_GUARDED_BY(mutex_);
  // The latest changes of workers; the last has the number workers_version_.
  std::deque<std::pair<AgentId, WorkerId>> workers_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t workers_version_ HEARTH_GUARDED_BY(mutex_) = 0;
  Ticket last_ticket_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::int64_t streams_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> watch_;
  std::optional<std::uint64_t> telemetry_watch_;
  std::atomic<std::uint64_t> lagged_{0};
  std::atomic<std::uint64_t> woken_{0};
};

}  // namespace hearth::rest
