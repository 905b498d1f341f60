// Output on its way up: a stream on a connection of its own, opened again for as long as the link
// to the controller stands. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/link/grpc_call.h"
#include "agent/link/grpc_link.h"
#include "agent/link/output_sender.h"
#include "agent/link/reconnect_delay.h"
#include "agent/link/retired_calls.h"
#include "agent/loop/loop_timer.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::agent {

class OutputLink {
 public:
  // `deps` and `options` outlive it. Destroyed when the gate's calls are done.
  OutputLink(const GrpcLinkDeps& deps, const GrpcLinkOptions& options,
             std::shared_ptr<LoopGate> gate)
      : deps_(deps),
        options_(options),
        gate_(std::move(gate)),
        sender_(deps.output),
        // Another seed than the control stream's, so that the two do not come back in one instant.
        delay_(options.reconnect_initial, options.reconnect_max, options.seed + 1),
        retry_timer_(deps.loop) {}

  // Under the name that the welcome gave. It is closed.
  void open(const AgentId& agent, std::uint64_t link);
  // What the controller has not confirmed is sent again after the next open().
  void close();

  void grew(const OutputStreamKey& stream, std::int64_t size);
  void forget(const AttemptKey& key) { sender_.forget(key); }
  // Now and then: asks what became of what was not answered.
  void repeat_unanswered();

 private:
  using Call = GrpcCall<v1::OutputUp, v1::OutputDown>;

  void connect();
  void take(const v1::OutputDown& message);
  void ended(const grpc::Status& status);
  void pump();

  const GrpcLinkDeps& deps_;
  const GrpcLinkOptions& options_;
  const std::shared_ptr<LoopGate> gate_;
  OutputSender sender_;
  ReconnectDelay delay_;
  AgentId agent_;
  std::uint64_t link_ = 0;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  std::shared_ptr<Call> call_;
  RetiredCalls retired_;
  bool has_failed_ = false;  // since the last answer on any stream
  bool is_introduced_ = false;
  bool is_writing_ = false;
  LoopTimer retry_timer_;
};

}  // namespace hearth::agent
