#include "front/rest/feed.h"

#include <algorithm>

#include "front/rest/job_json.h"
#include "front/rest/sse.h"

namespace hearth::rest {

namespace {

using net::JsonWriter;
using Pull = net::BodySource::Pull;

constexpr std::size_t kEventsPerRead = 256;
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
  Feed(api::ControllerApi& api, EventHub& hub, Clock& clock, FeedOptions options,
       const net::Wakeup& wakeup)
      : api_(api), hub_(hub), clock_(clock), options_(std::move(options)) {
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
      auto some = show_jobs(out);
      if (!some) {
        return Pull::End;
      }
      if (!*some) {
        show_agents(out);
        return Pull::Wait;
      }
    }
    return Pull::More;
  }

  void on_quiet(std::string& out) override { out += kSseComment; }
  void on_stop(std::string& out) override { out += kSseRetry; }

 private:
  Result<> begin(std::string& out) {
    agents_version_ = hub_.agents_after(0).version;
    if (!options_.from && !options_.id_is_broken) {
      return show_snapshot(out);
    }
    HEARTH_ASSIGN(const bool kept, is_kept(options_.from));
    if (!kept) {
      return resynchronise(out);
    }
    seq_ = *options_.from;
    catching_up_ = true;
    // What agents were told meanwhile is not known: show them all as they are.
    for (const AgentView& agent : api_.agents()) {
      show_agent(out, agent);
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
    hub_.note_lagged();
    append_sse(out, "lagged", {}, "{}");
    return show_snapshot(out);
  }

  Result<> show_snapshot(std::string& out) {
    catching_up_ = false;
    seq_ = api_.last_event();  // before reading: what comes twice does no harm, what is lost does
    agents_version_ = hub_.agents_after(0).version;
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
    append_sse(out, "snapshot", std::to_string(seq_.value()), data);
    return {};
  }

  // True when there were some.
  Result<bool> show_jobs(std::string& out) {
    const EventHub::Batch batch = hub_.read(seq_, kEventsPerRead);
    if (batch.lost && !catching_up_) {
      HEARTH_TRY(resynchronise(out));
      return true;
    }
    if (batch.lost) {
      return show_stored(out);
    }
    catching_up_ = false;
    for (const auto& notice : batch.notices) {
      show_event(out, notice->event);
    }
    return !batch.notices.empty();
  }

  Result<bool> show_stored(std::string& out) {
    // Read first: what is still kept after that was there to be read.
    HEARTH_ASSIGN(const auto events, api_.events(JobId(), seq_, kEventsPerRead));
    HEARTH_ASSIGN(const bool kept, is_kept(seq_));
    if (!kept) {
      HEARTH_TRY(resynchronise(out));
      return true;
    }
    for (const JobEvent& event : events) {
      show_event(out, event);
    }
    if (events
            .empty()) {  // the ring begins behind what the store has: a cursor that makes no sense
      HEARTH_TRY(resynchronise(out));
    }
    return true;
  }

  void show_event(std::string& out, const JobEvent& event) {
    seq_ = event.seq;
    std::string data;
    JsonWriter json(data);
    write_job_event(json, event);
    append_sse(out, "job", std::to_string(seq_.value()), data);
  }

  void show_agents(std::string& out) {
    const EventHub::AgentChanges changes = hub_.agents_after(agents_version_);
    agents_version_ = changes.version;
    if (changes.agents.empty()) {
      return;
    }
    for (const AgentView& agent : api_.agents()) {
      if (std::binary_search(changes.agents.begin(), changes.agents.end(), agent.record.info.id)) {
        show_agent(out, agent);
      }
    }
  }

  static void show_agent(std::string& out, const AgentView& agent) {
    std::string data;
    JsonWriter json(data);
    write_agent(json, agent);
    append_sse(out, "agent", {}, data);
  }

  api::ControllerApi& api_;
  EventHub& hub_;
  Clock& clock_;
  FeedOptions options_;
  EventHub::Ticket ticket_ = 0;
  bool begun_ = false;
  bool catching_up_ = false;  // reads the store until it has reached the ring
  EventSeq seq_;
  std::uint64_t agents_version_ = 0;
};

}  // namespace

std::unique_ptr<net::BodySource> make_feed(api::ControllerApi& api, EventHub& hub, Clock& clock,
                                           FeedOptions options, const net::Wakeup& wakeup) {
  return std::make_unique<Feed>(api, hub, clock, std::move(options), wakeup);
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
