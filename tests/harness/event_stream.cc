#include "tests/harness/event_stream.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/clock.h"

namespace hearth::harness {

namespace json = boost::json;

namespace {

constexpr Duration kOpenPatience = std::chrono::seconds(10);
constexpr Duration kReadPatience{200};

// Workers of commands are named after their attempts.
bool is_worker_of(const EventStream::Event& event, const std::string& job) {
  const auto* id = event.data.if_contains("id");
  return event.name == "worker" && id != nullptr && id->as_string().starts_with(job + "-");
}

}  // namespace

EventStream::EventStream(const client::Endpoint& endpoint, const std::string& target,
                         const std::string& last_event_id)
    : client_(endpoint) {
  client::HttpRequest request{.target = target};
  if (!last_event_id.empty()) {
    request.headers["Last-Event-ID"] = last_event_id;
  }
  auto stream = client_.stream(request, kOpenPatience);
  if (!stream) {
    ADD_FAILURE() << "open " << target << ": " << stream.error().message;
    return;
  }
  EXPECT_EQ(stream->head().status, 200) << target;
  stream_ = std::move(*stream);
}

EventStream::Event EventStream::wait_for(const Wanted& wanted, const std::string& what,
                                         Duration patience) {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(patience).count();
  for (;;) {
    while (!events_.empty()) {
      Event event{.name = events_.front().event, .id = events_.front().id, .data = {}};
      if (json::value data = json::parse(events_.front().data); data.is_object()) {
        event.data = std::move(data.get_object());
      }
      events_.erase(events_.begin());
      if (wanted(event)) {
        return event;
      }
    }
    std::string bytes;
    const bool is_over = stream_.done() || !stream_.read(bytes, kReadPatience);
    if (is_over || clock.monotonic_ns() > deadline_ns) {
      ADD_FAILURE() << (is_over ? "the stream ended before " : "waited in vain for ") << what;
      return {};
    }
    if (const Result<> fed = parser_.feed(bytes, events_); !fed) {
      ADD_FAILURE() << fed.error().message;
      return {};
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
