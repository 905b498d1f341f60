// ControllerLink over gRPC (proto/hearth/agent_link.proto): control and output each on a connection
// of their own, so that a flood of output never delays a cancel.
//
// Lives on the agent's loop thread; gRPC's threads only post to it. A connection that stops
// answering is found by pings. What a controller of a lower epoch than the highest seen says is
// refused: it was replaced and does not know it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/link/controller_link.h"
#include "agent/link/link_credential.h"
#include "agent/link/machine_usage.h"
#include "agent/loop/event_loop.h"
#include "base/door_limits.h"
#include "base/log.h"
#include "tls/context.h"

namespace hearth::agent {

struct GrpcLinkOptions {
  std::string controller;  // HOST:PORT
  // Plain without it. The files are read for each connection, so that they may be renewed.
  std::optional<tls::ClientFiles> tls;
  std::uint64_t seed = 0;  // of the jitter
  Duration reconnect_initial = limits::kReconnectInitial;
  Duration reconnect_max = limits::kReconnectMax;
  Duration welcome_timeout = limits::kLinkWelcomeTimeout;
  Duration keepalive = limits::kLinkKeepalive;
  Duration reconnect_refused = limits::kReconnectRefused;
  LinkCredential credential = {};
};

// All outlive the link.
struct GrpcLinkDeps {
  EventLoop& loop;
  Log& log;
  MachineUsage& usage;
  OutputSource& output;
};

std::unique_ptr<ControllerLink> make_grpc_link(const GrpcLinkDeps& deps, GrpcLinkOptions options);

}  // namespace hearth::agent
