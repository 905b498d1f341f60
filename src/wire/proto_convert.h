// Model values <-> protobuf messages, for the codecs of this library only: everybody else sees
// bytes (job_codec.h) or, at the two ends of the agent link, link_codec.h.
//
// The readers refuse what a writer cannot have written: enumerators out of range, duplicates,
// negative amounts. Their errors are DataLoss and name the field.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hearth/job.pb.h"
#include "model/agent.h"
#include "model/job.h"

namespace hearth::wire {

Error bad_field(std::string_view field, std::string_view found);

template <class Enum>
Result<Enum> read_enum(std::string_view field, std::uint32_t value, Enum last) {
  if (value > static_cast<std::uint32_t>(last)) {
    return bad_field(field, std::to_string(value));
  }
  return static_cast<Enum>(value);
}

inline constexpr JobState kJobStateLast = static_cast<JobState>(kJobStateCount - 1);
inline constexpr Reason kReasonLast = static_cast<Reason>(kReasonCount - 1);

void write_resources(const ResourceVector& resources, v1::Resources& out);
Result<ResourceVector> read_resources(std::string_view field, const v1::Resources& in);

template <class ProtoMap>
void write_labels(const Labels& labels, ProtoMap& out) {
  for (const auto& [name, value] : labels) {
    out[name] = value;
  }
}
template <class ProtoMap>
Labels read_labels(const ProtoMap& in) {
  return {in.begin(), in.end()};
}

void write_attempt_result(const AttemptResult& result, v1::AttemptResultProto& out);
Result<AttemptResult> read_attempt_result(const v1::AttemptResultProto& in);

// Hello and AgentRecordProto say who an agent is in fields of the same names.
template <class Message>
void write_agent_info(const AgentInfo& info, Message& out) {
  out.set_id(info.id.value());
  out.set_type(info.type);
  out.set_instance(info.instance);
  out.set_incarnation(info.incarnation);
  out.set_hostname(info.hostname);
  out.set_version(info.version);
  write_labels(info.labels, *out.mutable_labels());
  write_resources(info.capacity, *out.mutable_capacity());
  out.set_max_parallel_jobs(info.max_parallel_jobs);
  out.set_enforcement(static_cast<std::uint32_t>(info.enforcement));
  for (const SandboxLevel level : info.sandboxes) {
    out.add_sandboxes(static_cast<std::uint32_t>(level));
  }
  out.mutable_features()->Assign(info.features.begin(), info.features.end());
}

template <class Message>
Result<AgentInfo> read_agent_info(const Message& in) {
  if (in.id().empty()) {
    return bad_field("id", "nothing");
  }
  AgentInfo info;
  info.id = AgentId(in.id());
  info.type = in.type();
  info.instance = in.instance();
  info.incarnation = in.incarnation();
  info.hostname = in.hostname();
  info.version = in.version();
  info.labels = read_labels(in.labels());
  HEARTH_ASSIGN(info.capacity, read_resources("capacity", in.capacity()));
  info.max_parallel_jobs = in.max_parallel_jobs();
  HEARTH_ASSIGN(info.enforcement, read_enum("enforcement", in.enforcement(), Enforcement::V2));
  for (const std::uint32_t level : in.sandboxes()) {
    HEARTH_ASSIGN(const SandboxLevel sandbox, read_enum("sandboxes", level, SandboxLevel::Image));
    info.sandboxes.push_back(sandbox);
  }
  info.features.assign(in.features().begin(), in.features().end());
  return info;
}

}  // namespace hearth::wire
