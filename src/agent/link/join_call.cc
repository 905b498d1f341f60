#include "agent/link/join_call.h"

#include <utility>

#include "auth/token.h"

namespace hearth::agent {

void JoinCall::start(std::unique_ptr<v1::AgentLink::Stub> stub, const LinkCredential& credential,
                     const std::string& agent) {
  stub_ = std::move(stub);
  context_.AddMetadata("authorization", "Bearer " + credential.join_token);
  request_.set_agent(agent);
  if (const auto token = auth::parse_token(credential.token)) {
    const auth::SecretHash hash = auth::hash_secret(token->secret);
    request_.set_credential(token->id.value());
    request_.set_secret_sha256(hash.data(), hash.size());
  }
  gate_->call_started();
  stub_->async()->Join(&context_, &request_, &reply_,
                       [self = shared_from_this()](const grpc::Status& status) mutable {
                         const std::shared_ptr<LoopGate> gate = self->gate_;
                         gate->post([self = std::move(self), status] { self->ended(status); });
                         gate->call_done();
                       });
}

void JoinCall::close() {
  on_ended_ = {};
  if (!done_) {
    context_.TryCancel();
  }
}

void JoinCall::ended(const grpc::Status& status) {
  done_ = true;
  if (on_ended_) {
    const auto on_ended = std::exchange(on_ended_, {});
    on_ended(status);
  }
}

}  // namespace hearth::agent
