// The controller's end of the agent link: a gRPC server that turns the two streams of
// proto/hearth/agent_link.proto into calls of api::AgentApi, and an AgentConnection's calls into
// messages.
//
// It decides nothing about jobs. It checks that a hello comes in time and is well formed, bounds
// what waits for a peer, finds half-open connections by pings, and answers output with the position
// received, so that an agent can let go of nothing that was not taken. Everything runs on gRPC's
// threads; start, stop and the destructor belong to one thread. AgentApi and Doorkeeper outlive the
// server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/agent_port.h"
#include "api/doorkeeper.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "base/upload_limits.h"
#include "front/agentlink/link_counts.h"
#include "tls/server_identity.h"

namespace hearth::front::agentlink {

struct AgentLinkOptions {
  std::string address = "127.0.0.1:50051";                   // HOST:PORT; port 0 picks a free one
  const tls::ServerIdentity* tls = nullptr;                  // null: plain; outlives the server
  Duration heartbeat_interval = limits::kHeartbeatInterval;  // told to agents in their welcome
  Duration hello_timeout = limits::kLinkHelloTimeout;
  std::string version;  // the controller's release, which agents' must go with; empty: any do
  Duration keepalive = limits::kLinkKeepalive;
  std::int64_t queue_messages_max = limits::kLinkQueueMessagesMax;
  std::int64_t queue_bytes_max = limits::kLinkQueueBytesMax;
  std::int64_t streams_max = limits::kLinkStreamsMax;
  std::int64_t fetches_max = limits::kUploadFetchesMax;
  // Agents cannot connect for want of descriptors. On a thread of the server; must not block.
  std::function<void()> on_descriptors_short;
  bool is_open = false;          // every peer may speak for every agent: for loopback
  bool beyond_loopback = false;  // who set this has seen to TLS and tokens
};

class AgentLinkServer {
 public:
  // InvalidArgument for an address that is not allowed or makes no sense; Unavailable with what to
  // do when the port is taken.
  static Result<std::unique_ptr<AgentLinkServer>> start(api::AgentApi& api, api::Doorkeeper& keeper,
                                                        AgentLinkOptions options);
  ~AgentLinkServer();
  AgentLinkServer(const AgentLinkServer&) = delete;
  AgentLinkServer& operator=(const AgentLinkServer&) = delete;

  [[nodiscard]] int port() const;
  // Any thread.
  [[nodiscard]] LinkStats stats();
  // Cuts every connection and returns when none is left; agents see a lost link and reconnect.
  void stop();

 private:
  class Impl;
  explicit AgentLinkServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::front::agentlink
