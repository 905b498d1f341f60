// Service.Join: gives a joining agent its credential.
#pragma once

#include <grpcpp/grpcpp.h>

#include "front/agentlink/gate.h"
#include "hearth/agent_link.pb.h"

namespace hearth::front::agentlink {

grpc::ServerUnaryReactor* answer_join(Gate& gate, grpc::CallbackServerContext& context,
                                      const v1::JoinRequest& request);

}  // namespace hearth::front::agentlink
