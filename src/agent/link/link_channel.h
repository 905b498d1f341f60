// A connection to the controller, as each call has one of its own.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "agent/link/grpc_link.h"
#include "base/result.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::agent {

Result<std::unique_ptr<v1::AgentLink::Stub>> connect_to(const GrpcLinkOptions& options);
// Says who calls.
void sign(grpc::ClientContext& context, const LinkCredential& credential);
// A refusal that trying again soon does not mend.
bool is_refusal(const grpc::Status& status);

}  // namespace hearth::agent
