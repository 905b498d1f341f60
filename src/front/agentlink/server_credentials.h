// gRPC's credentials out of a certificate that may be replaced while the server runs.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "tls/server_identity.h"

namespace hearth::front::agentlink {

// Each handshake begins with what `identity` holds then; links that are up stay up. `identity`
// outlives the server.
std::shared_ptr<grpc::ServerCredentials> make_server_credentials(
    const tls::ServerIdentity& identity);

}  // namespace hearth::front::agentlink
