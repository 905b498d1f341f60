// The agent link's messages <-> model values, for its two ends (front/agentlink, agent/link). The
// only header outside wire/ that may bring protobuf types in: include it from .cc files only.
//
// The readers fail with DataLoss on what the other end cannot have meant.
#pragma once

#include "base/result.h"
#include "hearth/agent_link.pb.h"
#include "model/agent.h"
#include "model/ids.h"
#include "model/job.h"

namespace hearth::wire {

void to_proto(const AttemptKey& key, v1::AttemptKey& out);
AttemptKey to_model(const v1::AttemptKey& key);

void to_proto(const AttemptResult& result, v1::AttemptResultProto& out);
Result<AttemptResult> to_model(const v1::AttemptResultProto& result);

// Fills everything that AgentInfo knows of a hello; protocol, held attempts and the epoch seen are
// the caller's.
void to_proto(const AgentInfo& info, v1::Hello& out);
Result<AgentInfo> to_model(const v1::Hello& hello);

void to_proto(const AgentUsage& usage, v1::Heartbeat& out);
AgentUsage to_model(const v1::Heartbeat& heartbeat);
Duration to_model(const v1::HeartbeatWanted& wanted);

Result<StreamKind> to_stream(std::uint32_t stream);

}  // namespace hearth::wire
