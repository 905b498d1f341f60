#include "cli/follow.h"

#include <boost/json.hpp>

#include "cli/json_text.h"

namespace hearth::cli {

namespace {

constexpr Duration kRetryPause{250};
// Three missed comments (one each 15 s): the connection is dead even if nothing says so.
constexpr Duration kSilenceMax{45'000};

}  // namespace

Follower::Follower(Session& session, std::string job, Options options)
    : session_(session), job_(std::move(job)), options_(std::move(options)) {}

Result<Followed> Follower::run() {
  SystemClock clock;
  std::int64_t last_contact_ns = clock.monotonic_ns();
  bool said = false;
  for (;;) {
    auto stream = session_.stream("/v1/jobs/" + url_encode(job_) + "/events", cursor_);
    Step step = Step::Reconnect;
    if (stream) {
      if (said) {
        HEARTH_TRY(session_.err("hearth: connected again\n"));
        said = false;
      }
      HEARTH_ASSIGN(step, read_events(*stream));
      last_contact_ns = clock.monotonic_ns();
    } else if (stream.error().code == ErrorCode::Cancelled) {
      HEARTH_ASSIGN(step, interrupted());
    } else if (!is_absence(stream.error())) {
      return std::move(stream).error();
    }
    if (step == Step::Ended || step == Step::Left) {
      return Followed{.left = step == Step::Left};
    }
    if (clock.monotonic_ns() - last_contact_ns > std::chrono::nanoseconds(kAbsenceMax).count()) {
      return unavailable("the controller at " + session_.url() + " has been away for " +
                         human_duration(kAbsenceMax) + "; the job goes on without this " +
                         "command: hearth logs -f " + job_);
    }
    if (!stream && !said) {
      HEARTH_TRY(session_.err("hearth: the controller is away; waiting for it\n"));
      said = true;
    }
    if (step == Step::Reconnect && session_.wait(kRetryPause)) {
      HEARTH_ASSIGN(step, interrupted());
      if (step == Step::Left) {
        return Followed{.left = true};
      }
    }
  }
}

Result<Follower::Step> Follower::read_events(client::ResponseStream& stream) {
  client::SseParser parser;
  std::vector<client::SseEvent> events;
  std::string bytes;
  for (;;) {
    bytes.clear();
    const auto end = stream.read(bytes, kSilenceMax);
    if (!end) {
      return Step::Reconnect;
    }
    if (*end == client::WaitEnd::Interrupted) {
      HEARTH_ASSIGN(const Step step, interrupted());
      if (step != Step::Go) {
        return step;
      }
      continue;
    }
    events.clear();
    const Result<> fed = parser.feed(bytes, events);
    for (const client::SseEvent& event : events) {
      HEARTH_ASSIGN(const Step step, take(event));
      if (step != Step::Go) {
        return step;
      }
    }
    HEARTH_TRY(fed);
    if (*end == client::WaitEnd::TimedOut || stream.done()) {
      return Step::Reconnect;
    }
  }
}

Result<Follower::Step> Follower::take(const client::SseEvent& event) {
  if (!event.id.empty()) {
    cursor_ = event.id;
  }
  if (event.event == "end") {
    return Step::Ended;
  }
  HEARTH_ASSIGN(const auto data, parse_json(event.data));
  if (event.event == "output") {
    HEARTH_TRY(print_output(data));
  } else if (event.event == "state") {
    HEARTH_TRY(note_state(data));
  }
  return Step::Go;
}

Result<> Follower::print_output(const boost::json::value& event) {
  const std::string stream = text_of(event, "stream");
  const std::int64_t attempt = integer_of(event, "attempt");
  if ((!options_.stream.empty() && stream != options_.stream) ||
      (options_.attempt && attempt != *options_.attempt)) {
    return {};
  }
  HEARTH_ASSIGN(std::string bytes, decode_base64(text_of(event, "base64")));
  std::int64_t offset = integer_of(event, "offset");
  std::int64_t& position = positions_[{attempt, stream}];
  if (offset > position) {
    HEARTH_TRY(session_.err("\nhearth: " + human_bytes(offset - position) + " of " + stream +
                            " were dropped here, past the bound of what is kept\n"));
  }
  const std::int64_t known = std::max<std::int64_t>(position - offset, 0);
  if (known >= static_cast<std::int64_t>(bytes.size())) {
    return {};
  }
  bytes.erase(0, static_cast<std::size_t>(known));
  offset += known;
  position = offset + static_cast<std::int64_t>(bytes.size());
  return stream == "stderr" ? session_.err(bytes) : session_.out(bytes);
}

Result<> Follower::note_state(const boost::json::value& job) {
  const std::int64_t attempt = integer_of(job, "attempt");
  const std::string state = text_of(job, "state");
  if (attempt > attempt_ && attempt > 1 && state == "ASSIGNED") {
    HEARTH_TRY(session_.err("hearth: attempt " + std::to_string(attempt) + " on agent " +
                            text_of(job, "agentId", "?") + "\n"));
  }
  attempt_ = std::max(attempt, attempt_);
  return {};
}

Result<Follower::Step> Follower::interrupted() {
  session_.take_interrupt();
  if (!options_.cancel_on_interrupt || cancelled_) {
    return Step::Left;
  }
  cancelled_ = true;
  HEARTH_TRY(session_.err("hearth: cancelling job " + job_ + "; Ctrl-C again leaves it\n"));
  const auto answer = session_.post_uninterrupted("/v1/jobs/" + url_encode(job_) + "/cancel", "{}");
  if (!answer) {
    cancelled_ = false;
    HEARTH_TRY(session_.err("hearth: " + answer.error().message + "\n"));
  }
  return Step::Go;
}

int exit_code_of(const boost::json::value& job) {
  const std::string state = text_of(job, "state");
  const std::string reason = text_of(job, "reason");
  if (state == "COMPLETED") {
    return kExitFine;
  }
  if (state == "TIMED_OUT") {
    return 124;
  }
  if (state == "CANCELLED") {
    return 130;
  }
  if (reason == "oom") {
    return 137;
  }
  if (reason == "command_not_found") {
    return 127;
  }
  if (reason == "not_executable") {
    return 126;
  }
  if (reason == "exit_nonzero" && has_value(job, "exitCode")) {
    return static_cast<int>(integer_of(job, "exitCode"));
  }
  if (reason == "signaled" && has_value(job, "signal")) {
    return 128 + static_cast<int>(integer_of(job, "signal"));
  }
  return kExitHearthFailed;
}

std::string summary_of(const boost::json::value& job) {
  std::string line = "job " + text_of(job, "id") + " " + text_of(job, "state");
  if (has_value(job, "reason")) {
    line += " " + text_of(job, "reason");
  }
  if (has_value(job, "exitCode")) {
    line += ", exit code " + std::to_string(integer_of(job, "exitCode"));
  }
  if (has_value(job, "signal")) {
    line += ", signal " + std::to_string(integer_of(job, "signal"));
  }
  if (has_value(job, "startedAt") && has_value(job, "completedAt")) {
    line += ", " + human_duration(time_at(job, "completedAt") - time_at(job, "startedAt"));
  }
  if (has_value(job, "agentId")) {
    line += ", agent " + text_of(job, "agentId");
  }
  if (const std::int64_t attempt = integer_of(job, "attempt"); attempt > 1) {
    line += ", attempt " + std::to_string(attempt);
  }
  if (has_value(job, "message") && !text_of(job, "message").empty()) {
    line += ": " + text_of(job, "message");
  }
  return line;
}

}  // namespace hearth::cli
