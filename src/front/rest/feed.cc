#include "front/rest/feed.h"

#include <algorithm>

#include "base/telemetry_limits.h"
#include "front/http/json_members.h"
#include "front/rest/job_json.h"
#include "front/rest/sse.h"

namespace hearth::rest {

namespace {

using net::JsonWriter;
using Pull = net::BodySource::Pull;

constexpr std::int64_t kEventsPerRead = 256;
constexpr std::int64_t kJobsPerRead = 50;  // whole jobs: up to 2.5 MB each
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
  Feed(const FeedDeps& deps, FeedOptions options, const net::Wakeup& wakeup)
      : api_(deps.api),
        telemetry_(deps.telemetry),
        hub_(deps.hub),
        pages_(deps.pages),
        options_(std::move(options)) {
    ticket_ = hub_.subscribe(JobId(), wakeup);
    if (options_.types.figures) {
      telemetry_.want_figures();
    }
  }
  ~Feed() override {
    hub_.unsubscribe(JobId(), ticket_);
    if (options_.types.figures) {
      telemetry_.unwant_figures();
    }
  }

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
    if (!options_.from && !options_.id_is_broken) {
      return show_snapshot(out, false);
    }
    start_from(hub_.now());
    HEARTH_ASSIGN(const bool kept, is_kept(options_.from));
    if (!kept) {
      return resynchronise(out);
    }
    at_.seq = options_.types.jobs ? *options_.from : at_.seq;
    catching_up_ = options_.types.jobs;
    // What became of agents and workers meanwhile is not known: show them all as they are.
    if (options_.types.agents) {
      for (const AgentView& agent : api_.agents()) {
        append_agent_event(out, agent);
      }
    }
    if (options_.types.workers) {
      show_workers(out);
    }
    return {};
  }

  void show_workers(std::string& out) {
    std::vector<registry::WorkerView> workers = telemetry_.workers({});
    if (workers.size() > static_cast<std::size_t>(limits::kSnapshotWorkersMax)) {
      workers.resize(static_cast<std::size_t>(limits::kSnapshotWorkersMax));
    }
    for (const registry::WorkerView& worker : workers) {
      append_worker_event(out, worker);
    }
  }

  // All of it has been seen; what is not wanted is never news.
  void start_from(const FeedPosition& position) {
    at_ = position;
    const EventTypes& types = options_.types;
    at_.seq = types.jobs ? at_.seq : EventSeq(FeedPosition::kNotWanted);
    at_.agents = types.agents ? at_.agents : FeedPosition::kNotWanted;
    at_.workers = types.workers ? at_.workers : FeedPosition::kNotWanted;
    at_.figures = types.figures ? 0 : FeedPosition::kNotWanted;
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
    return show_snapshot(out, true);
  }

  Result<> show_snapshot(std::string& out, bool may_be_old) {
    catching_up_ = false;
    if (!options_.jobs) {
      const std::shared_ptr<const FeedPage> page = pages_.snapshot(may_be_old);
      out += page->text;
      start_from(page->to);
      return {};
    }
    // Before reading: what comes twice does no harm, what is lost does.
    const FeedPosition position = hub_.now();
    std::string data;
    JsonWriter json(data);
    json.begin_object();
    write_snapshot(json, api_, telemetry_);
    HEARTH_TRY(write_job_page(json, data, api_, *options_.jobs));
    json.end_object();
    append_sse(out, "snapshot", std::to_string(position.seq.value()), data);
    start_from(position);
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
  api::TelemetryApi& telemetry_;
  EventHub& hub_;
  FeedPages& pages_;
  FeedOptions options_;
  EventHub::Ticket ticket_ = 0;
  bool begun_ = false;
  bool catching_up_ = false;  // reads the store until it has reached the ring
  FeedPosition at_;
};

}  // namespace

std::unique_ptr<net::BodySource> make_feed(const FeedDeps& deps, FeedOptions options,
                                           const net::Wakeup& wakeup) {
  return std::make_unique<Feed>(deps, std::move(options), wakeup);
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
  front::write_text_or_null(json, "nextCursor", more && last ? to_string(*last) : "");
  return {};
}

}  // namespace hearth::rest
