// `hearth top`: what the controller tells, kept in a TopModel and painted once an interval and at
// once on a key.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/terminal_screen.h"
#include "cli/top_json.h"
#include "cli/top_keys.h"
#include "cli/top_model.h"
#include "cli/top_view.h"
#include "config/quantity.h"

namespace hearth::cli {

namespace {

constexpr const char* kEvents = "/v1/events?types=job,agent,worker,telemetry";
constexpr Duration kIntervalMin{200};
constexpr Duration kIntervalMax{60'000};
constexpr Duration kReconnectPause{500};
// Three missed comments (one each 15 s): the connection is dead even if nothing says so.
constexpr Duration kSilenceMax{45'000};
// Keys that come in parts come as one write of the terminal.
constexpr Duration kKeyPartsWithin{25};
// How long --once waits for figures, which agents send each second once somebody watches.
constexpr Duration kOnceFiguresWithin{3'000};
// Lists of jobs are dear when many wait: they take a twentieth of the time at most.
constexpr std::int64_t kPagesShare = 20;
constexpr Duration kPagesPause{1'000};
constexpr int kWaitingPagesMax = 5;
constexpr int kExitBySignal = 128;

std::int64_t to_ns(Duration duration) {
  return std::chrono::nanoseconds(duration).count();
}

bool is_away(const Error& error) {
  return error.code == ErrorCode::Unavailable || error.code == ErrorCode::DeadlineExceeded;
}

// The stream of events into the model, and the pages that go with it.
class TopSource {
 public:
  TopSource(Session& session, Clock& clock) : session_(session), clock_(clock) {}

  [[nodiscard]] const TopModel& model() const { return model_; }
  [[nodiscard]] bool is_connected() const { return stream_.has_value(); }
  [[nodiscard]] std::optional<TimePoint> away_since() const { return away_since_; }

  // False: it is away. An error is one that trying again does not mend.
  Result<bool> connect() {
    auto stream = session_.stream(kEvents, "");
    last_try_ns_ = clock_.monotonic_ns();
    if (!stream) {
      if (stream.error().code == ErrorCode::Cancelled) {
        last_try_ns_ -= to_ns(kReconnectPause);  // a key came between: at once again
        return false;
      }
      if (!is_away(stream.error()) || !model_.has_snapshot()) {
        return std::move(stream).error();
      }
      note_away();
      return false;
    }
    stream_ = *std::move(stream);
    parser_ = client::SseParser();
    last_data_ns_ = last_try_ns_;
    return true;
  }
  [[nodiscard]] bool should_connect() const {
    return !stream_ && clock_.monotonic_ns() - last_try_ns_ >= to_ns(kReconnectPause);
  }

  // What arrives within `timeout`, which input cuts short.
  Result<> read(Duration timeout) {
    std::string bytes;
    const auto end = stream_->read(bytes, timeout);
    std::vector<client::SseEvent> events;
    const Result<> fed = parser_.feed(bytes, events);
    for (const client::SseEvent& event : events) {
      HEARTH_TRY(model_.take(event, clock_.now()));
      away_since_.reset();
    }
    HEARTH_TRY(fed);
    const std::int64_t now_ns = clock_.monotonic_ns();
    if (!bytes.empty()) {
      last_data_ns_ = now_ns;
    }
    if (!end || stream_->done() || now_ns - last_data_ns_ > to_ns(kSilenceMax)) {
      stream_.reset();
      note_away();
    }
    return {};
  }

  Result<> fetch_pages_if_due() {
    const std::int64_t now_ns = clock_.monotonic_ns();
    if (!stream_ || !model_.wants_pages() || now_ns < next_pages_ns_) {
      return {};
    }
    auto fetched = fetch_pages();
    if (!fetched && !is_away(fetched.error()) && fetched.error().code != ErrorCode::Cancelled) {
      return fetched;
    }
    const std::int64_t after_ns = clock_.monotonic_ns();
    next_pages_ns_ =
        fetched ? after_ns + std::max(to_ns(kPagesPause), (after_ns - now_ns) * kPagesShare)
                : after_ns + to_ns(kPagesPause) / 4;
    return {};
  }

  Result<> fetch_pages() {
    HEARTH_ASSIGN(auto failures, page("state=FAILED,TIMED_OUT&limit=20"));
    HEARTH_ASSIGN(auto running, page("state=RUNNING,ASSIGNED&limit=1000"));
    TopPage waiting;
    std::string cursor;
    for (int i = 0; i < kWaitingPagesMax; ++i) {
      HEARTH_ASSIGN(const auto answer, session_.get("/v1/jobs?state=QUEUED&limit=1000" + cursor));
      HEARTH_ASSIGN(TopPage next, read_page(answer));
      std::move(next.jobs.begin(), next.jobs.end(), std::back_inserter(waiting.jobs));
      waiting.has_more = next.has_more;
      if (!next.has_more) {
        break;
      }
      cursor = "&cursor=" + url_encode(text_of(answer, "nextCursor"));
    }
    model_.take_failures(std::move(failures));
    model_.take_waiting(std::move(waiting));
    model_.take_running(std::move(running));
    return {};
  }

 private:
  Result<TopPage> page(const std::string& query) {
    HEARTH_ASSIGN(const auto answer, session_.get("/v1/jobs?" + query));
    return read_page(answer);
  }
  void note_away() {
    if (!away_since_) {
      away_since_ = clock_.now();
    }
  }

  Session& session_;
  Clock& clock_;
  TopModel model_;
  std::optional<client::ResponseStream> stream_;
  client::SseParser parser_;
  std::optional<TimePoint> away_since_;
  std::int64_t last_try_ns_ = 0;
  std::int64_t last_data_ns_ = 0;
  std::int64_t next_pages_ns_ = 0;
};

class LiveTop {
 public:
  LiveTop(Session& session, TerminalScreen& screen, TopView view, Duration interval)
      : session_(session),
        screen_(screen),
        source_(session, clock_),
        view_(std::move(view)),
        interval_(interval) {}

  Result<int> run() {
    for (;;) {
      if (source_.should_connect()) {
        HEARTH_TRY(source_.connect());
      }
      const Duration left = until_paint();
      if (source_.is_connected()) {
        HEARTH_TRY(source_.read(left));
      } else {
        screen_.wait(std::min(left, kReconnectPause));
      }
      if (const auto exit_code = take_input()) {
        return *exit_code;
      }
      HEARTH_TRY(source_.fetch_pages_if_due());
      if (until_paint() <= Duration(0)) {
        paint();
      }
    }
  }

 private:
  [[nodiscard]] Duration until_paint() {
    const std::int64_t left_ns = next_paint_ns_ - clock_.monotonic_ns();
    return Duration(std::max<std::int64_t>(left_ns + 999'999, 0) / 1'000'000);
  }

  // The exit code when it is time to leave.
  std::optional<int> take_input() {
    TerminalScreen::Input input = screen_.read_input();
    std::vector<Key> keys = keys_.feed(input.bytes);
    if (keys_.is_open()) {
      screen_.wait(kKeyPartsWithin);
      TerminalScreen::Input more = screen_.read_input();
      input.end_signal = std::max(input.end_signal, more.end_signal);
      input.closed = input.closed || more.closed;
      input.changed = input.changed || more.changed;
      for (auto some : {keys_.feed(more.bytes), keys_.flush()}) {
        keys.insert(keys.end(), some.begin(), some.end());
      }
    }
    if (input.end_signal != 0) {
      return input.end_signal == SIGINT ? kExitFine : kExitBySignal + input.end_signal;
    }
    if (input.closed) {
      return kExitFine;
    }
    bool is_suspended = input.suspend;
    for (const Key& key : keys) {
      const TopAction action = press(view_, key, page_);
      if (action == TopAction::Leave) {
        return kExitFine;
      }
      is_suspended = is_suspended || action == TopAction::Suspend;
      input.changed = input.changed || action == TopAction::Redraw;
    }
    if (is_suspended) {
      screen_.suspend();
    }
    if (input.changed || is_suspended) {
      screen_.forget();
    }
    if (input.changed || is_suspended || !keys.empty()) {
      next_paint_ns_ = 0;
    }
    return std::nullopt;
  }

  void paint() {
    next_paint_ns_ = clock_.monotonic_ns() + to_ns(interval_);
    TopStatus status{
        .url = session_.url(), .now = clock_.now(), .away_since = source_.away_since()};
    if (view_.is_paused && !held_) {
      held_ = Held{source_.model(), status.now};
    } else if (!view_.is_paused) {
      held_.reset();
    }
    if (held_) {
      status.now = held_->at;
    }
    const ScreenSize size = screen_.size();
    TopFrame frame = render(held_ ? held_->model : source_.model(), view_, status, size);
    view_.scroll = frame.scroll;
    page_ = frame.page;
    screen_.paint(frame.lines, size);
  }

  // What is shown while it is paused.
  struct Held {
    TopModel model;
    TimePoint at;
  };

  Session& session_;
  TerminalScreen& screen_;
  SystemClock clock_;
  TopSource source_;
  TopView view_;
  Duration interval_;
  KeyDecoder keys_;
  std::optional<Held> held_;
  std::size_t page_ = 1;
  std::int64_t next_paint_ns_ = 0;
};

Result<int> show_once(Session& session, const TopOrder& order, std::size_t columns) {
  SystemClock clock;
  TopSource source(session, clock);
  HEARTH_TRY(source.connect());
  const std::int64_t until_ns = clock.monotonic_ns() + to_ns(kOnceFiguresWithin);
  while (source.is_connected() && !source.model().has_figures()) {
    const std::int64_t left_ns = until_ns - clock.monotonic_ns();
    if (left_ns <= 0 && source.model().has_snapshot()) {
      break;  // an agent that sends none
    }
    if (session.take_interrupt()) {
      return kExitFine;
    }
    HEARTH_TRY(source.read(left_ns <= 0 ? kOnceFiguresWithin : Duration(left_ns / 1'000'000 + 1)));
  }
  if (!source.model().has_snapshot()) {
    return unavailable("the controller at " + session.url() +
                       " ended its stream of events before it told anything; try again");
  }
  HEARTH_TRY(source.fetch_pages());
  const TopStatus status{.url = session.url(), .now = clock.now(), .away_since = {}};
  if (session.json()) {
    HEARTH_TRY(session.out(top_json(source.model(), status) + "\n"));
    return kExitFine;
  }
  std::string text;
  for (const StyledLine& line : render_once(source.model(), order, status, columns)) {
    std::string plain = plain_text(line);
    plain.erase(plain.find_last_not_of(' ') + 1);
    text += plain + "\n";
  }
  HEARTH_TRY(session.out(text));
  return kExitFine;
}

}  // namespace

Result<int> show_top(Session& session, const TopCommand& command) {
  TopView view;
  view.order.filter = command.filter;
  const auto sort = parse_top_sort(command.sort);
  if (!sort) {
    return invalid_argument("--sort is cpu, memory, io, uptime or name, not \"" + command.sort +
                            "\"");
  }
  view.order.sort = *sort;
  HEARTH_ASSIGN(const Duration interval, config::parse_duration(command.interval));
  if (interval < kIntervalMin || interval > kIntervalMax) {
    return invalid_argument("--interval is from 200ms to 60s, not " + command.interval);
  }
  if (command.once || session.json() || ::isatty(session.terminal().out_fd) != 1) {
    return show_once(session, view.order, kAnyWidth);
  }
  HEARTH_ASSIGN(auto screen, TerminalScreen::take(session.terminal()));
  Session live = session.with_interrupt(screen.input_fd());
  return LiveTop(live, screen, std::move(view), interval).run();
}

}  // namespace hearth::cli
