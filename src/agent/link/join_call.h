// The exchange of a join token for the agent's own credential: one unary call, whose end comes to
// the agent's loop thread. See grpc_call.h for who may destroy what, and when.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/link/grpc_call.h"
#include "agent/link/link_credential.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::agent {

class JoinCall final : public std::enable_shared_from_this<JoinCall> {
 public:
  using OnEnded = std::function<void(const grpc::Status&)>;

  // `on_ended` is called once, on the loop thread, never after close().
  JoinCall(std::shared_ptr<LoopGate> gate, OnEnded on_ended)
      : gate_(std::move(gate)), on_ended_(std::move(on_ended)) {}

  // `credential` has a join token and a token of its own, whose hash is all that is sent of it.
  void start(std::unique_ptr<v1::AgentLink::Stub> stub, const LinkCredential& credential,
             const std::string& agent);
  void close();
  [[nodiscard]] bool is_done() const { return done_; }

 private:
  void ended(const grpc::Status& status);

  std::shared_ptr<LoopGate> gate_;
  OnEnded on_ended_;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  grpc::ClientContext context_;
  v1::JoinRequest request_;
  v1::JoinReply reply_;
  bool done_ = false;
};

}  // namespace hearth::agent
