#include "agent/link/link_channel.h"

#include <grpcpp/grpcpp.h>

#include "agent/link/channel_credentials.h"

namespace hearth::agent {

// gRPC would share connections and has a back-off of its own.
Result<std::unique_ptr<v1::AgentLink::Stub>> connect_to(const GrpcLinkOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
  HEARTH_ASSIGN(const auto credentials, make_channel_credentials(options.tls));
  return v1::AgentLink::NewStub(
      grpc::CreateCustomChannel(options.controller, credentials, arguments));
}

void sign(grpc::ClientContext& context, const LinkCredential& credential) {
  if (!credential.token.empty()) {
    context.AddMetadata("authorization", "Bearer " + credential.token);
  }
}

bool is_refusal(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

}  // namespace hearth::agent
