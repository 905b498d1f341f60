// What waits to go up on the control stream, and what of it goes in one message. Pure.
//
// What waits goes together: one write costs as much as many small messages. It is bounded by its
// owner: each attempt held reports once a link, and of heartbeats one waits at most.
#pragma once

#include <cstdint>
#include <deque>

#include "base/time.h"
#include "hearth/agent_link.pb.h"

namespace hearth::agent {

class ControlQueue {
 public:
  void add(v1::AgentMessage message);
  void clear();

  [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
  [[nodiscard]] bool has_heartbeat() const { return has_heartbeat_; }
  // A later report says what they would have.
  void drop_telemetry();

  // As many as may go at once, in order; there must be one. A heartbeat says `interval`, by which
  // the next will follow.
  v1::AgentMessage take(Duration interval);

  // Of reports of telemetry that were taken.
  [[nodiscard]] std::uint64_t telemetry_bytes() const { return telemetry_bytes_; }

 private:
  std::deque<v1::AgentMessage> waiting_;
  bool has_heartbeat_ = false;
  std::uint64_t telemetry_bytes_ = 0;
};

}  // namespace hearth::agent
