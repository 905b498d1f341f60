// What the open feeds are told, made once for all of them.
//
// Thousands of streams that have seen the same are told the same next: the first that asks makes
// the text, the others get that text. A page is never wrong, at most not the newest: who has it
// asks again from its end.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "api/controller_api.h"
#include "base/mutex.h"
#include "front/rest/event_hub.h"

namespace hearth::rest {

struct FeedPosition {
  EventSeq seq;
  std::uint64_t agents = 0;  // EventHub::agents_after

  friend bool operator==(const FeedPosition&, const FeedPosition&) = default;
};

struct FeedPage {
  FeedPosition from;
  FeedPosition to;
  std::string text;  // server-sent events
};

// One `job` event of a feed.
void append_job_event(std::string& out, const JobEvent& event);
void append_agent_event(std::string& out, const AgentView& agent);

// Thread-safe; `api` and `hub` outlive it.
class FeedPages {
 public:
  FeedPages(api::ControllerApi& api, EventHub& hub) : api_(api), hub_(hub) {}
  FeedPages(const FeedPages&) = delete;
  FeedPages& operator=(const FeedPages&) = delete;

  struct Answer {
    std::shared_ptr<const FeedPage> page;  // null: nothing happened since
    bool lost = false;                     // what happened has left the hub's ring already
  };
  Answer after(const FeedPosition& from);

  // Pages made so far.
  [[nodiscard]] std::uint64_t made() const;

 private:
  Answer make(const FeedPosition& from) HEARTH_REQUIRES(mutex_);

  api::ControllerApi& api_;
  EventHub& hub_;
  mutable Mutex mutex_;
  // The newest last. More than one, since some streams are a page behind others.
  std::deque<std::shared_ptr<const FeedPage>> pages_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t made_ HEARTH_GUARDED_BY(mutex_) = 0;
};

}  // namespace hearth::rest
