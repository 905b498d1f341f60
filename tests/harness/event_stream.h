// A client of GET /v1/events that keeps everything it was told, for tests.
#pragma once

#include <functional>
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
    boost::json::object data;
  };
  using Wanted = std::function<bool(const Event&)>;

  // Opens it; fails the test when that cannot be done.
  EventStream(const client::Endpoint& endpoint, const std::string& target,
              const std::string& last_event_id = "");

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

 private:
  client::HttpClient client_;
  client::ResponseStream stream_;
  client::SseParser parser_;
  std::vector<client::SseEvent> events_;  // not looked at yet
};

}  // namespace hearth::harness
