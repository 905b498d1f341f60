// An agent's output stream: chunks up, received positions down.
//
// Reads one message at a time, so that slow storage slows the sender down instead of filling
// memory. When storage fails the stream is ended; the agent still has what was not answered and
// sends it again on its next stream.
#pragma once

#include <grpcpp/grpcpp.h>

#include "front/agentlink/stream_deps.h"
#include "hearth/agent_link.pb.h"

namespace hearth::front::agentlink {

using OutputReactor = grpc::ServerBidiReactor<v1::OutputUp, v1::OutputDown>;

// Deletes itself when its stream is done.
OutputReactor* open_output_stream(StreamDeps& deps, grpc::CallbackServerContext& context);

}  // namespace hearth::front::agentlink
