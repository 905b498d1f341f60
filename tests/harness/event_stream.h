// A client of an event stream, such as GET /v1/events, that keeps everything it was told, for
// tests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/time.h"
#include "client/http_client.h"
#include "client/sse_parser.h"

namespace hearth::harness {

class EventStream {
 public:
  struct Event {
    std::string name;
    std::string id;
    std::string text;          // its data
    boost::json::object data;  // the same, when it is an object
  };
  using Wanted = std::function<bool(const Event&)>;

  static constexpr std::size_t kEventsMax = 1'000'000;  // that nobody has looked at

  // Opens it; fails the test when that cannot be done.
  EventStream(const client::Endpoint& endpoint, const std::string& target,
              const std::string& last_event_id = "");
  EventStream(const client::Endpoint& endpoint, client::HttpRequest request);

  // Opens it anew, at once, after the last event that came whole (Last-Event-ID). Those that came
  // before and were not looked at stay.
  void resume();

  // The next event that is wanted, of those that came or will come; fails the test and returns an
  // empty one when `patience` passes or the stream ends. What lies before it is dropped.
  Event wait_for(const Wanted& wanted, const std::string& what,
                 Duration patience = std::chrono::seconds(30));
  Event wait_for(const std::string& name, Duration patience = std::chrono::seconds(30)) {
    return wait_for([&name](const Event& event) { return event.name == name; }, name, patience);
  }
  // Of a worker with this job: its latest state.
  Event wait_for_worker(const std::string& job, const std::string& state,
                        Duration patience = std::chrono::seconds(30));
  // The figures of this worker once `wanted` holds for them.
  boost::json::object wait_for_figures(
      const std::string& worker, const std::function<bool(const boost::json::object&)>& wanted,
      Duration patience = std::chrono::seconds(30));

  // Waits for a comment beyond those that were waited for: a keep-alive.
  void wait_for_comment(Duration patience = std::chrono::seconds(30));
  // Waits until it is over; true when the connection broke, false when it ended in good order.
  // Events that came meanwhile stay.
  bool wait_broken(Duration patience = std::chrono::seconds(30));

  [[nodiscard]] std::string last_id() const;
  // As the server asked for; nullopt: it did not.
  [[nodiscard]] std::optional<Duration> retry() const { return retry_; }
  [[nodiscard]] const client::HttpResponse& head() const { return stream_.head(); }

 private:
  enum class Got { Bytes, Nothing, End, Break };
  void open();
  // What comes until the deadline; fails the test when that is no event stream.
  Got read_more(std::int64_t deadline_ns);

  client::HttpRequest request_;
  std::string id_before_;  // that of the connection before
  std::optional<Duration> retry_;
  std::int64_t comments_seen_ = 0;
  client::HttpClient client_;
  client::ResponseStream stream_;
  client::SseParser parser_;
  std::vector<client::SseEvent> events_;  // not looked at yet
};

}  // namespace hearth::harness
