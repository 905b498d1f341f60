#include "cli/progress.h"

#include <unistd.h>

#include <boost/json.hpp>

#include "cli/json_text.h"

namespace hearth::cli {

namespace {

constexpr Duration kReadPatience{1'000};
constexpr Duration kReconnectPause{500};
constexpr int kReconnectsMax = 120;  // one after the other
// Comments come each 15 s: without any, the connection is dead even if nothing says so.
constexpr int kSilentReadsMax = 45;

bool has_ended(const std::string& state) {
  return state == "COMPLETED" || state == "FAILED" || state == "CANCELLED" || state == "TIMED_OUT";
}

}  // namespace

Progress::Progress(Session& session, std::set<std::string> ids) : session_(session) {
  for (const std::string& id : ids) {
    states_[id] = "";
  }
}

Result<Tally> Progress::run() {
  for (int failures = 0; tally().ended < tally().total && !left_;) {
    auto stream = session_.stream("/v1/events", cursor_);
    lagged_ = true;
    const Result<bool> done = stream ? follow(*stream) : Result<bool>(std::move(stream).error());
    if (done) {
      failures = 0;
    } else if (++failures > kReconnectsMax || !is_absence(done.error())) {
      return done.error();
    }
    if (!done || !*done) {
      left_ = session_.wait(kReconnectPause);
    }
  }
  HEARTH_TRY(show(/*last=*/true));
  return tally();
}

Result<bool> Progress::follow(client::ResponseStream& stream) {
  client::SseParser parser;
  std::vector<client::SseEvent> events;
  for (int silent_reads = 0; silent_reads < kSilentReadsMax;) {
    if (lagged_) {
      lagged_ = false;
      HEARTH_TRY(refresh());
    }
    HEARTH_TRY(show(/*last=*/false));
    if (tally().ended == tally().total) {
      return true;
    }
    std::string bytes;
    const auto end = stream.read(bytes, kReadPatience);
    if (!end || stream.done()) {
      return false;
    }
    if (*end == client::WaitEnd::Interrupted) {
      left_ = session_.take_interrupt();
      return true;
    }
    silent_reads = *end == client::WaitEnd::Data ? 0 : silent_reads + 1;
    events.clear();
    const Result<> fed = parser.feed(bytes, events);
    for (const client::SseEvent& event : events) {
      HEARTH_TRY(take(event));
    }
    HEARTH_TRY(fed);
  }
  return false;
}

Result<> Progress::take(const client::SseEvent& event) {
  if (!event.id.empty()) {
    cursor_ = event.id;
  }
  if (event.event == "lagged") {
    lagged_ = true;
  } else if (event.event == "job") {
    HEARTH_ASSIGN(const auto job, parse_json(event.data));
    note(text_of(job, "id"), text_of(job, "state"));
  }
  return {};
}

Result<> Progress::refresh() {
  for (const auto& [id, state] : states_) {
    if (!has_ended(state)) {
      HEARTH_ASSIGN(const auto job, session_.get("/v1/jobs/" + url_encode(id)));
      note(id, text_of(job, "state"));
    }
  }
  return {};
}

void Progress::note(const std::string& id, const std::string& state) {
  if (const auto known = states_.find(id); known != states_.end() && !has_ended(known->second)) {
    known->second = state;
  }
}

Tally Progress::tally() const {
  Tally tally{.total = static_cast<std::int64_t>(states_.size()), .left = left_};
  for (const auto& [id, state] : states_) {
    tally.ended += has_ended(state) ? 1 : 0;
    tally.completed += state == "COMPLETED" ? 1 : 0;
    tally.running += state == "RUNNING" || state == "ASSIGNED" ? 1 : 0;
  }
  return tally;
}

Result<> Progress::show(bool last) {
  const Tally now = tally();
  std::string line =
      "hearth: " + std::to_string(now.ended) + "/" + std::to_string(now.total) + " ended";
  if (now.ended > now.completed) {
    line += ", " + std::to_string(now.ended - now.completed) + " not completed";
  }
  if (now.running > 0) {
    line += ", " + std::to_string(now.running) + " running";
  }
  const bool rewrites = ::isatty(session_.terminal().err_fd) != 0;
  if (line == shown_ && !last) {
    return {};
  }
  const bool repeated = line == shown_;
  shown_ = line;
  if (rewrites) {
    return session_.err("\r\033[K" + line + (last ? "\n" : ""));
  }
  return last && !repeated ? session_.err(line + "\n")
         : last            ? session_.err("")
                           : session_.err(line + "\n");
}

}  // namespace hearth::cli
