#include "front/agentlink/join_call.h"

#include <algorithm>

#include "model/ids.h"

namespace hearth::front::agentlink {
namespace {

Result<auth::NewCredential> read(const v1::JoinRequest& request) {
  auth::NewCredential credential;
  if (!is_valid_name_id(request.agent())) {
    return invalid_field("agent",
                         "the agent's id must be 1 to 64 characters of A-Z, a-z, 0-9, '_' and "
                         "'-'; choose another with --id");
  }
  credential.agent = request.agent();
  if (!auth::is_token_id(request.credential()) || request.credential().front() != 'a' ||
      request.secret_sha256().size() != credential.hash.size()) {
    return invalid_field("credential", "the credential of agent \"" + request.agent() +
                                           "\" is malformed; remove the file `credential` from "
                                           "its data directory");
  }
  credential.id = auth::TokenId(request.credential());
  std::transform(request.secret_sha256().begin(), request.secret_sha256().end(),
                 credential.hash.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return credential;
}

}  // namespace

grpc::ServerUnaryReactor* answer_join(Gate& gate, grpc::CallbackServerContext& context,
                                      const v1::JoinRequest& request) {
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const Result<auth::Caller> caller = gate.admit(context, "Join");
  const Result<auth::NewCredential> credential = read(request);
  if (!caller || !credential) {
    reactor->Finish(status_of(!caller ? caller.error() : credential.error()));
    return reactor;
  }
  const std::string peer = address_of_peer(context.peer());
  const auto done = [reactor, &gate, peer, by = caller->token](const Result<>& joined) {
    if (!joined) {
      gate.keeper().log_refusal({.peer = peer, .to = "AgentLink/Join", .need = auth::Need::Join},
                                by, joined.error());
    }
    reactor->Finish(joined ? grpc::Status::OK : status_of(joined.error()));
  };
  gate.keeper().join(caller->token, *credential, done);
  return reactor;
}

}  // namespace hearth::front::agentlink
