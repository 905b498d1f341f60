// How an agent's connection is secured, and what a person is told when that fails.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "tls/context.h"

namespace hearth::agent {

// Plain without `tls`. Reads and checks its files.
Result<std::shared_ptr<grpc::ChannelCredentials>> make_channel_credentials(
    const std::optional<tls::ClientFiles>& tls);

// gRPC's message for a connection that could not be made, and what to do about it where it is
// about TLS.
std::string explain_failure(const std::string& message, const std::optional<tls::ClientFiles>& tls);

}  // namespace hearth::agent
