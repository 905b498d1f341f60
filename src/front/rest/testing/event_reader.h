// Reads a stream of server-sent events off a real socket, out of its chunks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>

#include "net/testing/raw_client.h"

namespace hearth::rest::testing {

using net::testing::RawClient;
using net::testing::RawResponse;

struct Event {
  std::string name;
  std::string id;
  boost::json::value data;
};

// Reads one stream of server-sent events, out of its chunks.
class EventReader {
 public:
  EventReader(std::uint16_t port, const std::string& path, const std::string& last_id = "")
      : client_(port) {
    client_.send(
        net::testing::get(path, last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n"));
    head_ = client_.read_response(true);
  }

  [[nodiscard]] const RawResponse& head() const { return head_; }

  // The next event; its name is "" at the end of the stream and ":" for a comment.
  Event next() {
    for (;;) {
      const std::size_t end = text_.find("\n\n");
      if (end == std::string::npos) {
        if (!fill()) {
          return {};
        }
        continue;
      }
      const std::string block = text_.substr(0, end);
      text_.erase(0, end + 2);
      if (block.starts_with("retry:")) {
        retry_seen = true;
        continue;
      }
      return parse(block);
    }
  }
  // Events up to and with the first of that name.
  std::vector<Event> until(const std::string& name) {
    std::vector<Event> events;
    do {
      events.push_back(next());
    } while (events.back().name != name && !events.back().name.empty());
    return events;
  }

  bool retry_seen = false;

 private:
  bool fill() {
    const std::string size_line = client_.read_until("\r\n");
    std::size_t size = 0;
    if (size_line.size() < 3) {
      return false;
    }
    size = std::stoul(size_line, nullptr, 16);
    text_ += client_.read_some(size);
    client_.read_some(2);
    return size > 0;
  }
  static Event parse(const std::string& block) {
    Event event;
    if (block.starts_with(":")) {
      event.name = ":";
      return event;
    }
    std::size_t at = 0;
    while (at < block.size()) {
      const std::size_t end = std::min(block.find('\n', at), block.size());
      const std::string line = block.substr(at, end - at);
      at = end + 1;
      const std::size_t colon = line.find(": ");
      const std::string value = line.substr(colon + 2);
      if (line.starts_with("event")) {
        event.name = value;
      } else if (line.starts_with("id")) {
        event.id = value;
      } else {
        event.data = boost::json::parse(value);
      }
    }
    return event;
  }

  RawClient client_;
  RawResponse head_;
  std::string text_;
};

}  // namespace hearth::rest::testing
