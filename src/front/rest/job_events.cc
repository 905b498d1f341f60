#include "front/rest/job_events.h"

#include <array>
#include <charconv>
#include <deque>

#include "front/rest/http_names.h"
#include "front/rest/job_json.h"
#include "front/rest/sse.h"

namespace hearth::rest {

namespace {

using Pull = net::BodySource::Pull;

constexpr std::int64_t kEventsPerRead = 64;
constexpr std::int64_t kOutputBytesPerEvent = 32 * limits::kKiB;

// Events after which an attempt writes no more.
bool ends_attempt(const JobEvent& event) {
  return event.kind == JobEventKind::Ended || event.kind == JobEventKind::Requeued;
}

class JobEvents final : public net::BodySource {
 public:
  JobEvents(api::ControllerApi& api, EventHub& hub, JobId job, const JobEventsOptions& options,
            const net::Wakeup& wakeup)
      : api_(api), hub_(hub), job_(job), cursor_(options.from), with_output_(options.with_output) {
    ticket_ = hub_.subscribe(job, wakeup);
    if (with_output_) {
      listener_ = api_.listen_output(job, [wakeup](const output::StreamId&) { wakeup.notify(); });
    }
  }

  ~JobEvents() override {
    hub_.unsubscribe(job_, ticket_);
    if (listener_) {
      api_.unlisten_output(job_, *listener_);
    }
  }

  Pull pull(std::string& out, std::size_t max) override {
    if (!begun_) {
      out += kSseRetry;
    }
    while (out.size() < max) {
      if (waiting_.empty()) {
        if (auto loaded = load(); !loaded) {
          return Pull::End;  // storage trouble: the client comes back with its last id
        }
      }
      if (waiting_.empty()) {
        if (!show_output(out)) {
          return Pull::Wait;
        }
        continue;
      }
      if (ends_attempt(waiting_.front()) && show_output(out)) {
        continue;  // what the attempt wrote comes first
      }
      if (show_event(out)) {
        return Pull::End;
      }
    }
    return Pull::More;
  }

  void on_quiet(std::string& out) override { out += kSseComment; }
  void on_stop(std::string& out) override { out += kSseRetry; }

 private:
  Result<> load() {
    const EventSeq newest = hub_.newest(job_);
    if (!more_ && newest <= cursor_.seq) {
      return {};  // a wake-up for output: the store need not be asked
    }
    HEARTH_ASSIGN(auto events, api_.events(job_, cursor_.seq, kEventsPerRead));
    more_ = static_cast<std::int64_t>(events.size()) == kEventsPerRead;
    const bool first = !begun_;
    begun_ = true;
    if (events.empty() && !first) {
      return {};
    }
    HEARTH_ASSIGN(view_, api_.get(job_));
    waiting_.assign(events.begin(), events.end());
    // Nothing new to a reader who has not seen it all: the log was cut, or it comes back after the
    // end. What the job is like now stands for what is missing.
    if (waiting_.empty() && (cursor_.seq.empty() || is_final(view_.record.state))) {
      JobEvent now{.seq = cursor_.seq, .at = view_.record.created_at, .after = view_.record};
      now.kind = is_final(view_.record.state) ? JobEventKind::Ended : JobEventKind::Queued;
      cursor_.attempt = cursor_.attempt == 0 ? view_.record.attempt : cursor_.attempt;
      waiting_.push_back(std::move(now));
    }
    return {};
  }

  // True when it was the last.
  bool show_event(std::string& out) {
    const JobEvent event = std::move(waiting_.front());
    waiting_.pop_front();
    cursor_.seq = event.seq;
    if (event.after.attempt > cursor_.attempt) {
      cursor_.attempt = event.after.attempt;
      cursor_.stdout_offset = cursor_.stderr_offset = 0;
    }
    JobView shown{.record = event.after, .spec = view_.spec, .attempts = {}};
    shown.record.id = job_;
    shown.record.created_at = view_.record.created_at;
    for (const Attempt& attempt : view_.attempts) {
      if (attempt.number <= event.after.attempt) {
        shown.attempts.push_back(attempt);
      }
    }
    const std::string data = job_json(shown);
    append_sse(out, "state", to_string(cursor_), data);
    if (!is_final(event.after.state)) {
      return false;
    }
    append_sse(out, "end", to_string(cursor_), data);
    return true;
  }

  // True when there was some.
  bool show_output(std::string& out) {
    if (!with_output_ || cursor_.attempt == 0) {
      return false;
    }
    const bool some = show_stream(out, StreamKind::Stdout, cursor_.stdout_offset);
    return show_stream(out, StreamKind::Stderr, cursor_.stderr_offset) || some;
  }

  bool show_stream(std::string& out, StreamKind stream, std::int64_t& offset) {
    const auto answer = api_.output({.job = job_,
                                     .attempt = cursor_.attempt,
                                     .stream = stream,
                                     .offset = offset,
                                     .max = kOutputBytesPerEvent});
    if (!answer) {
      return false;  // nothing of it is known (yet)
    }
    const output::LogSlice& slice = answer->slice.slice;
    const std::int64_t next =
        std::max(slice.next_offset, slice.offset + static_cast<std::int64_t>(slice.bytes.size()));
    if (next <= offset) {
      return false;
    }
    offset = next;
    if (slice.bytes.empty()) {
      return true;  // a gap
    }
    std::string data;
    net::JsonWriter(data)
        .begin_object()
        .member("attempt", cursor_.attempt)
        .member("stream", to_string(stream))
        .member("offset", slice.offset)
        .member("base64", to_base64(slice.bytes))
        .end_object();
    append_sse(out, "output", to_string(cursor_), data);
    return true;
  }

  api::ControllerApi& api_;
  EventHub& hub_;
  const JobId job_;
  JobCursor cursor_;
  const bool with_output_;
  EventHub::Ticket ticket_ = 0;
  std::optional<output::ListenerId> listener_;
  bool begun_ = false;
  bool more_ = true;  // there may be events that nobody will wake us for
  JobView view_;
  std::deque<JobEvent> waiting_;
};

}  // namespace

std::string to_string(const JobCursor& cursor) {
  return std::to_string(cursor.seq.value()) + "." + std::to_string(cursor.attempt) + "." +
         std::to_string(cursor.stdout_offset) + "." + std::to_string(cursor.stderr_offset);
}

std::optional<JobCursor> parse_job_cursor(std::string_view text) {
  std::array<std::uint64_t, 4> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [rest, status] = std::from_chars(at, end, numbers.at(i));
    const bool last = i + 1 == numbers.size();
    if (status != std::errc{} || (last ? rest != end : rest == end || *rest != '.') ||
        numbers.at(i) > static_cast<std::uint64_t>(INT64_MAX)) {
      return std::nullopt;
    }
    at = rest + (last ? 0 : 1);
  }
  if (numbers[1] > UINT32_MAX) {
    return std::nullopt;
  }
  return JobCursor{.seq = EventSeq(numbers[0]),
                   .attempt = static_cast<std::uint32_t>(numbers[1]),
                   .stdout_offset = static_cast<std::int64_t>(numbers[2]),
                   .stderr_offset = static_cast<std::int64_t>(numbers[3])};
}

std::unique_ptr<net::BodySource> make_job_events(api::ControllerApi& api, EventHub& hub, JobId job,
                                                 const JobEventsOptions& options,
                                                 const net::Wakeup& wakeup) {
  return std::make_unique<JobEvents>(api, hub, job, options, wakeup);
}

}  // namespace hearth::rest
