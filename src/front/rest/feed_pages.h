// What the open feeds are told, made once for all of them.
//
// Thousands of streams that have seen the same are told the same next: the first that asks makes
// the text, the others get that text. A page is never wrong, at most not the newest: who has it
// asks again from its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "api/controller_api.h"
#include "api/telemetry_api.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/mutex.h"
#include "front/rest/event_hub.h"
#include "net/json_writer.h"

namespace hearth::rest {

struct FeedPage {
  FeedPosition from;
  FeedPosition to;
  std::string text;  // server-sent events
};

// The members of an open object that a snapshot begins with: counts, agents, workers.
void write_snapshot(net::JsonWriter& json, api::ControllerApi& api, api::TelemetryApi& telemetry);

// One `job` event of a feed.
void append_job_event(std::string& out, const JobEvent& event);
void append_agent_event(std::string& out, const AgentView& agent);

void append_worker_event(std::string& out, const registry::WorkerView& worker);

// Thread-safe; what it is given outlives it.
class FeedPages {
 public:
  FeedPages(api::ControllerApi& api, api::TelemetryApi& telemetry, EventHub& hub, Clock& clock)
      : api_(api), telemetry_(telemetry), hub_(hub), clock_(clock) {}
  FeedPages(const FeedPages&) = delete;
  FeedPages& operator=(const FeedPages&) = delete;

  struct Answer {
    std::shared_ptr<const FeedPage> page;  // null: nothing happened since
    bool lost = false;                     // what happened has left the hub's ring already
  };
  Answer after(const FeedPosition& from);

  // What there is, as one `snapshot` event without jobs, and the position from which to go on. One
  // text serves all who ask while nothing happens. For those that lag it may be a second old, since
  // they go on from its position all the same: a storm of them costs one.
  std::shared_ptr<const FeedPage> snapshot(bool may_be_old);

  // What was made, and for how many. Any thread.
  struct Counts {
    Histogram time;  // of each that was made
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> told{0};  // to how many streams they went
    [[nodiscard]] std::uint64_t made() const { return time.snapshot().count; }
  };
  [[nodiscard]] const Counts& pages() const { return page_counts_; }
  [[nodiscard]] const Counts& snapshots() const { return snapshot_counts_; }
  // From the arrival of an agent's figures until they are in a page.
  [[nodiscard]] const Histogram& figures_age() const { return figures_age_; }

 private:
  Answer make(const FeedPosition& from) HEARTH_REQUIRES(mutex_);
  std::shared_ptr<const FeedPage> make_snapshot() HEARTH_REQUIRES(mutex_);
  // `counts` of what was made from `started_ns` on.
  void note_made(Counts& counts, const FeedPage& page, std::int64_t started_ns);

  [[nodiscard]] bool serves(const FeedPage& snapshot, bool may_be_old) const;
  void append_workers(const EventHub::WorkerChanges& changes, FeedPage& page);
  void append_figures(const FeedPosition& from, FeedPage& page);

  api::ControllerApi& api_;
  api::TelemetryApi& telemetry_;
  EventHub& hub_;
  Clock& clock_;
  mutable Mutex mutex_;
  // The newest last. More than one, since some streams are a page behind others.
  std::deque<std::shared_ptr<const FeedPage>> pages_ HEARTH_GUARDED_BY(mutex_);
  std::shared_ptr<const FeedPage> snapshot_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t snapshot_ns_ HEARTH_GUARDED_BY(mutex_) = 0;
  Counts page_counts_;
  Counts snapshot_counts_;
  Histogram figures_age_;
};

}  // namespace hearth::rest
