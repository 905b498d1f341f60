#include "agent/link/control_queue.h"

#include <utility>

#include "base/limits.h"

namespace hearth::agent {

void ControlQueue::add(v1::AgentMessage message) {
  has_heartbeat_ = has_heartbeat_ || message.kind_case() == v1::AgentMessage::kHeartbeat;
  waiting_.push_back(std::move(message));
}

void ControlQueue::clear() {
  waiting_.clear();
  has_heartbeat_ = false;
}

void ControlQueue::drop_telemetry() {
  std::erase_if(waiting_, [](const v1::AgentMessage& message) {
    return message.kind_case() == v1::AgentMessage::kTelemetry;
  });
}

v1::AgentMessage ControlQueue::take(Duration interval) {
  v1::AgentMessage taken;
  auto bytes = std::int64_t{0};
  bool is_first = true;
  while (!waiting_.empty() && (is_first || bytes < limits::kLinkBatchBytesMax)) {
    v1::AgentMessage& next = waiting_.front();
    if (next.kind_case() == v1::AgentMessage::kHeartbeat) {
      has_heartbeat_ = false;
      next.mutable_heartbeat()->set_interval_ms(static_cast<std::uint64_t>(interval.count()));
    }
    const std::size_t size = next.ByteSizeLong();
    bytes += static_cast<std::int64_t>(size);
    if (next.kind_case() == v1::AgentMessage::kTelemetry) {
      telemetry_bytes_ += size;
    }
    (is_first ? taken : *taken.add_more()) = std::move(next);
    is_first = false;
    waiting_.pop_front();
  }
  return taken;
}

}  // namespace hearth::agent
