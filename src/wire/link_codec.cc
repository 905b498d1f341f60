#include "wire/link_codec.h"

#include <algorithm>
#include <utility>

#include "wire/proto_convert.h"

namespace hearth::wire {
namespace {

// Whatever a peer says: neither never nor all the time.
Duration beat_interval(std::uint64_t ms) {
  constexpr auto kMax = static_cast<std::uint64_t>(limits::kHeartbeatIntervalMax.count());
  return Duration(static_cast<std::int64_t>(std::clamp<std::uint64_t>(ms, 1, kMax)));
}

}  // namespace

void to_proto(const AttemptKey& key, v1::AttemptKey& out) {
  out.set_job(key.job.value());
  out.set_attempt(key.attempt);
  out.set_epoch(key.epoch);
}

AttemptKey to_model(const v1::AttemptKey& key) {
  return {.job = JobId(key.job()), .attempt = key.attempt(), .epoch = key.epoch()};
}

void to_proto(const AttemptResult& result, v1::AttemptResultProto& out) {
  write_attempt_result(result, out);
}

Result<AttemptResult> to_model(const v1::AttemptResultProto& result) {
  return read_attempt_result(result);
}

void to_proto(const AgentInfo& info, v1::Hello& out) {
  write_agent_info(info, out);
}

Result<AgentInfo> to_model(const v1::Hello& hello) {
  return read_agent_info(hello);
}

void to_proto(const AgentUsage& usage, v1::Heartbeat& out) {
  if (usage.cpu_percent) {
    out.set_cpu_percent(*usage.cpu_percent);
  }
  if (usage.memory_bytes) {
    out.set_memory_bytes(*usage.memory_bytes);
  }
  if (usage.heartbeat_interval) {
    out.set_interval_ms(static_cast<std::uint64_t>(usage.heartbeat_interval->count()));
  }
}

AgentUsage to_model(const v1::Heartbeat& heartbeat) {
  AgentUsage usage;
  if (heartbeat.has_cpu_percent()) {
    usage.cpu_percent = heartbeat.cpu_percent();
  }
  if (heartbeat.has_memory_bytes()) {
    usage.memory_bytes = heartbeat.memory_bytes();
  }
  if (heartbeat.has_interval_ms()) {
    usage.heartbeat_interval = beat_interval(heartbeat.interval_ms());
  }
  return usage;
}

Duration to_model(const v1::HeartbeatWanted& wanted) {
  return beat_interval(wanted.interval_ms());
}

Result<StreamKind> to_stream(std::uint32_t stream) {
  return read_enum("stream", stream, StreamKind::Results);
}

}  // namespace hearth::wire
