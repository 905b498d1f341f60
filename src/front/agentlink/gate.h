// Who may come in over gRPC: what each method needs, and what a refused call is told.
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>
#include <string_view>

#include "api/doorkeeper.h"

namespace hearth::front::agentlink {

// What the method of that name needs; nullopt for one that is not in the table.
std::optional<auth::Need> need_of(std::string_view method);

grpc::Status status_of(const Error& error);

// Thread-safe; outlives the streams.
class Gate {
 public:
  // `is_open`: everybody may do everything; joining needs its token all the same.
  Gate(api::Doorkeeper& keeper, bool is_open) : keeper_(keeper), is_open_(is_open) {}

  Result<auth::Caller> admit(const grpc::CallbackServerContext& context, std::string_view method);
  // Refuses who speaks for an agent that its token is not good for.
  Result<> check_agent(const auth::Caller& caller, const std::string& peer, std::string_view method,
                       const std::string& agent);
  // False once what was granted has ended.
  [[nodiscard]] bool holds(const auth::Caller& caller);

  [[nodiscard]] api::Doorkeeper& keeper() { return keeper_; }

 private:
  api::Doorkeeper& keeper_;
  const bool is_open_;
};

// "ipv4:127.0.0.1:1234" -> "127.0.0.1", "ipv6:%5B::1%5D:1234" -> "::1".
std::string address_of_peer(std::string_view peer);

}  // namespace hearth::front::agentlink
