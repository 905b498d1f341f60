// Sends an upload to an agent that has an attempt of a job that names it.
//
// One piece at a time, as fast as the agent takes them. What was granted is looked at with every
// piece; what was revoked ends the stream.
#pragma once

#include <grpcpp/grpcpp.h>

#include "front/agentlink/stream_deps.h"
#include "hearth/agent_link.pb.h"

namespace hearth::front::agentlink {

using FetchReactor = grpc::ServerWriteReactor<v1::UploadPiece>;

// Deletes itself when its stream is done.
FetchReactor* open_fetch_stream(StreamDeps& deps, grpc::CallbackServerContext& context,
                                const v1::UploadRequest& request);

}  // namespace hearth::front::agentlink
