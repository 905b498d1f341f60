#include "tests/harness/event_stream.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/clock.h"

namespace hearth::harness {

namespace json = boost::json;

namespace {

constexpr Duration kOpenPatience = std::chrono::seconds(10);

std::int64_t deadline_in(Duration patience) {
  return SystemClock().monotonic_ns() + std::chrono::nanoseconds(patience).count();
}

// Workers of commands are named after their attempts.
bool is_worker_of(const EventStream::Event& event, const std::string& job) {
  const auto* id = event.data.if_contains("id");
  return event.name == "worker" && id != nullptr && id->as_string().starts_with(job + "-");
}

}  // namespace

EventStream::EventStream(const client::Endpoint& endpoint, const std::string& target,
                         const std::string& last_event_id)
    : request_{.target = target}, id_before_(last_event_id), client_(endpoint) {
  open();
}

EventStream::EventStream(const client::Endpoint& endpoint, client::HttpRequest request)
    : request_(std::move(request)), client_(endpoint) {
  open();
}

void EventStream::open() {
  parser_ = client::SseParser();
  comments_seen_ = 0;
  if (!id_before_.empty()) {
    request_.headers["Last-Event-ID"] = id_before_;
  }
  auto stream = client_.stream(request_, kOpenPatience);
  if (!stream) {
    ADD_FAILURE() << "open " << request_.target << ": " << stream.error().message;
    return;
  }
  EXPECT_EQ(stream->head().status, 200) << request_.target;
  stream_ = std::move(*stream);
}

void EventStream::resume() {
  id_before_ = last_id();
  open();
}

std::string EventStream::last_id() const {
  return parser_.last_id().empty() ? id_before_ : parser_.last_id();
}

EventStream::Got EventStream::read_more(std::int64_t deadline_ns) {
  const std::int64_t left_ns = deadline_ns - SystemClock().monotonic_ns();
  if (left_ns <= 0) {
    return Got::Nothing;
  }
  if (stream_.done()) {
    return Got::End;
  }
  std::string bytes;
  const auto read =
      stream_.read(bytes, std::chrono::ceil<Duration>(std::chrono::nanoseconds(left_ns)));
  if (!read) {
    return Got::Break;
  }
  if (const Result<> fed = parser_.feed(bytes, events_); !fed) {
    ADD_FAILURE() << fed.error().message;
    return Got::Break;
  }
  if (events_.size() > kEventsMax) {
    ADD_FAILURE() << "more than kEventsMax events that nobody looked at";
    return Got::Break;
  }
  if (parser_.retry_ms()) {
    retry_ = Duration(*parser_.retry_ms());
  }
  return Got::Bytes;
}

EventStream::Event EventStream::wait_for(const Wanted& wanted, const std::string& what,
                                         Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  for (;;) {
    while (!events_.empty()) {
      client::SseEvent& first = events_.front();
      Event event{.name = std::move(first.event),
                  .id = std::move(first.id),
                  .text = std::move(first.data),
                  .data = {}};
      events_.erase(events_.begin());
      boost::system::error_code no_json;
      if (json::value data = json::parse(event.text, no_json); data.is_object()) {
        event.data = std::move(data.get_object());
      }
      if (wanted(event)) {
        return event;
      }
    }
    if (const Got got = read_more(deadline_ns); got != Got::Bytes) {
      ADD_FAILURE() << (got == Got::Nothing ? "waited in vain for " : "the stream ended before ")
                    << what;
      return {};
    }
  }
}

void EventStream::wait_for_comment(Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  while (parser_.comments() == comments_seen_) {
    if (read_more(deadline_ns) != Got::Bytes) {
      ADD_FAILURE() << "waited in vain for a comment";
      return;
    }
  }
  ++comments_seen_;
}

bool EventStream::wait_broken(Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  for (;;) {
    const Got got = read_more(deadline_ns);
    if (got == Got::Nothing) {
      ADD_FAILURE() << "the stream of " << request_.target << " does not end";
    }
    if (got != Got::Bytes) {
      return got == Got::Break;
    }
  }
}

EventStream::Event EventStream::wait_for_worker(const std::string& job, const std::string& state,
                                                Duration patience) {
  return wait_for(
      [&](const Event& event) {
        return is_worker_of(event, job) && event.data.at("state").as_string() == state;
      },
      "a worker of " + job + " that is " + state, patience);
}

json::object EventStream::wait_for_figures(const std::string& worker,
                                           const std::function<bool(const json::object&)>& wanted,
                                           Duration patience) {
  json::object found;
  wait_for(
      [&](const Event& event) {
        if (event.name != "telemetry") {
          return false;
        }
        for (const json::value& one : event.data.at("workers").as_array()) {
          if (one.at("id").as_string() == worker && wanted(one.as_object())) {
            found = one.as_object();
            return true;
          }
        }
        return false;
      },
      "figures of " + worker, patience);
  return found;
}

}  // namespace hearth::harness
