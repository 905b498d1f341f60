#include "front/agentlink/gate.h"

#include <array>
#include <utility>

namespace hearth::front::agentlink {
namespace {

struct Method {
  std::string_view name;
  auth::Need need;
};

constexpr std::array<Method, 4> kMethods = {{
    {"Control", auth::Need::Agent},
    {"Output", auth::Need::Agent},
    {"FetchUpload", auth::Need::Agent},
    {"Join", auth::Need::Join},
}};

constexpr std::string_view kBearer = "Bearer ";

std::optional<std::string_view> presented_by(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto [first, last] = metadata.equal_range("authorization");
  if (first == last) {
    return std::nullopt;
  }
  const std::string_view value(first->second.data(), first->second.size());
  const bool is_one_bearer = std::next(first) == last && value.starts_with(kBearer);
  return is_one_bearer ? value.substr(kBearer.size()) : std::string_view();
}

}  // namespace

std::optional<auth::Need> need_of(std::string_view method) {
  for (const Method& row : kMethods) {
    if (row.name == method) {
      return row.need;
    }
  }
  return std::nullopt;
}

grpc::Status status_of(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.message};
}

Result<auth::Caller> Gate::admit(const grpc::CallbackServerContext& context,
                                 std::string_view method) {
  const std::optional<auth::Need> need = need_of(method);
  if (!need) {
    return internal_error("the method " + std::string(method) + " has no row in the table");
  }
  if (is_open_ && *need != auth::Need::Join) {
    return auth::anybody();
  }
  const std::string peer = address_of_peer(context.peer());
  return keeper_.admit({.peer = peer,
                        .to = "AgentLink/" + std::string(method),
                        .need = *need,
                        .presented = presented_by(context)});
}

Result<> Gate::check_agent(const auth::Caller& caller, const std::string& peer,
                           std::string_view method, const std::string& agent) {
  if (caller.agent.empty() || caller.agent == agent) {
    return {};
  }
  Error error{.code = ErrorCode::PermissionDenied,
              .message = "token " + caller.token.value() + " is for agent \"" + caller.agent +
                         "\", not \"" + agent.substr(0, 100) + "\"; start this agent with --id " +
                         caller.agent + " or with a data directory and a join token of its own",
              .kind = "forbidden"};
  keeper_.log_refusal({.peer = peer,
                       .to = "AgentLink/" + std::string(method),
                       .need = auth::Need::Agent,
                       .presented = std::nullopt},
                      caller.token, error);
  return error;
}

bool Gate::holds(const auth::Caller& caller) {
  return caller.token.empty() || keeper_.holds(caller.token);
}

std::string address_of_peer(std::string_view peer) {
  const std::size_t scheme = peer.find(':');
  const std::size_t port = peer.rfind(':');
  if (scheme == std::string_view::npos || port <= scheme) {
    return std::string(peer);
  }
  std::string_view address = peer.substr(scheme + 1, port - scheme - 1);
  for (const std::string_view open : {"%5B", "["}) {
    if (address.starts_with(open)) {
      address.remove_prefix(open.size());
    }
  }
  for (const std::string_view close : {"%5D", "]"}) {
    if (address.ends_with(close)) {
      address.remove_suffix(close.size());
    }
  }
  return std::string(address);
}

}  // namespace hearth::front::agentlink
