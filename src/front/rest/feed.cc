#include "front/rest/feed.h"

#include <algorithm>

#include "front/rest/job_json.h"
#include "front/rest/sse.h"

namespace hearth::rest {

namespace {

using net::JsonWriter;
using Pull = net::BodySource::Pull;

constexpr std::int64_t kEventsPerRead = 256;
constexpr std::int64_t kJobsPerRead = 50;  // whole jobs: up to 1.3 MB each
constexpr std::size_t kPageBytesMax = 4 * 1024 * 1024;

// Reads in small steps, since a job may be large; `show` returns false to stop before that job.
// True when there are more than query.limit or than were shown.
Result<bool> for_each_job(api::ControllerApi& api, store::JobQuery query,
                          const std::function<bool(const JobView&)>& show) {
  for (std::int64_t left = query.limit; left > 0;) {
    const std::int64_t wanted = std::min(left, kJobsPerRead);
    query.limit = wanted + 1;  // the one more tells whether there are more
    HEARTH_ASSIGN(std::vector<JobView> jobs, api.list(query));
    const bool more = static_cast<std::int64_t>(jobs.size()) > wanted;
    if (more) {
      jobs.pop_back();
    }
    for (const JobView& job : jobs) {
      if (!show(job)) {
        return true;
      }
      query.below = job.record.id;
    }
    left -= wanted;
    if (!more || left == 0) {
      return more;
    }
  }
  return false;
}

class Feed final : public net::BodySource {
 public:
  Feed(api::ControllerApi& api, EventHub& hub, FeedPages& pages, Clock& clock, FeedOptions options,
       const net::Wakeup& wakeup)
      : api_(api), hub_(hub), pages_(pages), clock_(clock), options_(std::move(options)) {
    ticket_ = hub_.subscribe(JobId(), wakeup);
  }
  ~Feed() override { hub_.unsubscribe(JobId(), ticket_); }

  Pull pull(std::string& out, std::size_t max) override {
    if (!begun_) {
      begun_ = true;
      out += kSseRetry;
      if (auto begun = begin(out); !begun) {
        return Pull::End;
      }
    }
    while (out.size() < max) {
      auto some = show_news(out);
      if (!some) {
        return Pull::End;
      }
      if (!*some) {
        return Pull::Wait;
      }
    }
    return Pull::More;
  }

  void on_quiet(std::string& out) override { out += kSseComment; }
  void on_stop(std::string& out) override { out += kSseRetry; }

 private:
  Result<> begin(std::string& out) {
    at_.agents = hub_.agents_after(0).version;
    if (!options_.from && !options_.id_is_broken) {
      return show_snapshot(out);
    }
    HEARTH_ASSIGN(const bool kept, is_kept(options_.from));
    if (!kept) {
      return resynchronise(out);
    }
    at_.seq = *options_.from;
    catching_up_ = true;
    // What agents were told meanwhile is not known: show them all as they are.
    for (const AgentView& agent : api_.agents()) {
      append_agent_event(out, agent);
    }
    return {};
  }

  Result<bool> is_kept(const std::optional<EventSeq>& seq) {
    if (!seq || *seq > api_.last_event()) {
      return false;  // not ours, or of a store that is gone
    }
    HEARTH_ASSIGN(const EventSeq oldest, api_.oldest_event());
    return seq->value() + 1 >= oldest.value();
  }

  Result<> resynchronise(std::string& out) {
    append_sse(out, "lagged", {}, "{}");
    return show_snapshot(out);
  }

  Result<> show_snapshot(std::string& out) {
    catching_up_ = false;
    // Before reading: what comes twice does no harm, what is lost does.
    at_ = {.seq = api_.last_event(), .agents = hub_.agents_after(0).version};
    std::string data;
    JsonWriter json(data);
    json.begin_object().key("counts").begin_object();
    for (const auto& [state, count] : api_.counts()) {
      json.member(to_string(state), count);
    }
    json.end_object().key("agents").begin_array();
    for (const AgentView& agent : api_.agents()) {
      write_agent(json, agent);
    }
    json.end_array();
    HEARTH_TRY(write_workers(json, api_, clock_.now(), [](const AgentId&) { return true; }));
    if (options_.jobs) {
      HEARTH_TRY(write_job_page(json, data, api_, *options_.jobs));
    }
    json.end_object();
    append_sse(out, "snapshot", std::to_string(at_.seq.value()), data);
    return {};
  }

  // True when there was some.
  Result<bool> show_news(std::string& out) {
    const FeedPages::Answer answer = pages_.after(at_);
    if (answer.lost && !catching_up_) {
      HEARTH_TRY(resynchronise(out));
      return true;
    }
    if (answer.lost) {
      return show_stored(out);
    }
    catching_up_ = false;
    if (answer.page == nullptr) {
      return false;
    }
    out += answer.page->text;
    at_ = answer.page->to;
    return true;
  }

  Result<bool> show_stored(std::string& out) {
    // Read first: what is still kept after that was there to be read.
    HEARTH_ASSIGN(const auto events, api_.events(JobId(), at_.seq, kEventsPerRead));
    HEARTH_ASSIGN(const bool kept, is_kept(at_.seq));
    if (!kept) {
      HEARTH_TRY(resynchronise(out));
      return true;
    }
    for (const JobEvent& event : events) {
      append_job_event(out, event);
      at_.seq = event.seq;
    }
    if (events
            .empty()) {  // the ring begins behind what the store has: a cursor that makes no sense
      HEARTH_TRY(resynchronise(out));
    }
    return true;
  }

  api::ControllerApi& api_;
  EventHub& hub_;
  FeedPages& pages_;
  Clock& clock_;
  FeedOptions options_;
  EventHub::Ticket ticket_ = 0;
  bool begun_ = false;
  bool catching_up_ = false;  // reads the store until it has reached the ring
  FeedPosition at_;
};

}  // namespace

std::unique_ptr<net::BodySource> make_feed(api::ControllerApi& api, EventHub& hub, FeedPages& pages,
                                           Clock& clock, FeedOptions options,
                                           const net::Wakeup& wakeup) {
  return std::make_unique<Feed>(api, hub, pages, clock, std::move(options), wakeup);
}

Result<> write_job_page(JsonWriter& json, std::string& text, api::ControllerApi& api,
                        const store::JobQuery& query) {
  const std::size_t start = text.size();
  std::optional<JobId> last;
  json.key("jobs").begin_array();
  HEARTH_ASSIGN(const bool more, for_each_job(api, query, [&](const JobView& job) {
                  if (text.size() - start >= kPageBytesMax) {
                    return false;
                  }
                  write_job(json, job);
                  last = job.record.id;
                  return true;
                }));
  json.end_array();
  if (more && last) {
    json.member("nextCursor", to_string(*last));
  } else {
    json.member_null("nextCursor");
  }
  return {};
}

Result<> write_workers(JsonWriter& json, api::ControllerApi& api, TimePoint now,
                       const std::function<bool(const AgentId&)>& shows) {
  store::JobQuery query;
  query.states = {JobState::Running};
  query.limit = limits::kListLimitMax;
  json.key("workers").begin_array();
  HEARTH_TRY(for_each_job(api, query, [&](const JobView& job) {
    if (shows(job.record.agent)) {
      write_worker(json, job, now);
    }
    return true;
  }));
  json.end_array();
  return {};
}

}  // namespace hearth::rest
