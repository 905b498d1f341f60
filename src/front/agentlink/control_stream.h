// One agent's control stream: hello, then reports up and orders down.
//
// Two objects, because they live differently: ControlConnection is shared with the controller,
// which may keep it longer than the stream; the gRPC reactor ends with its stream. What the
// controller sends is queued here within a bound; a peer that does not read is cut off.
#pragma once

#include <grpcpp/grpcpp.h>

#include "front/agentlink/stream_deps.h"
#include "hearth/agent_link.pb.h"

namespace hearth::front::agentlink {

using ControlReactor = grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>;

// Deletes itself when its stream is done.
ControlReactor* open_control_stream(StreamDeps& deps, grpc::CallbackServerContext& context);

}  // namespace hearth::front::agentlink
