// The write side of one control stream (see control_stream.h).
//
// Thread-safe: the controller sends from its threads, gRPC completes writes on its own. gRPC never
// calls back inline while the mutex is held, because reactions run on its executor.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <string>

#include "base/mutex.h"
#include "front/agentlink/stream_deps.h"
#include "hearth/agent_link.pb.h"

namespace hearth::front::agentlink {

class ControlConnection final : public api::AgentConnection {
 public:
  using Reactor = grpc::ServerBidiReactor<v1::AgentMessage, v1::ControllerMessage>;

  ControlConnection(StreamDeps& deps, Reactor& reactor, grpc::CallbackServerContext& context)
      : deps_(&deps), reactor_(&reactor), context_(&context) {}

  void welcome(const core::Welcome& welcome) override;
  void reject(const Error& error) override;
  void assign(const AttemptKey& key, std::string spec, std::string secrets) override;
  void cancel(const AttemptKey& key) override;
  void stop(const AttemptKey& key) override;
  void ack(const AttemptKey& key, bool finished, bool accepted) override;
  void drain() override;
  void heartbeat_wanted(Duration interval) override;
  void telemetry_wanted(Duration interval) override;
  void telemetry_query(std::uint64_t id, const TelemetryQuery& query) override;

  void write_done(bool ok);
  // Ends the stream once what is queued has been written.
  void close(grpc::Status status);
  // Ends it now; what is queued is lost.
  void cut(grpc::Status status);
  // The stream is done: whatever the controller still sends goes nowhere.
  void detach();

 private:
  void send(v1::ControllerMessage message);
  void write_next_locked() HEARTH_REQUIRES(mutex_);
  void cut_locked(grpc::Status status) HEARTH_REQUIRES(mutex_);
  void finish_locked() HEARTH_REQUIRES(mutex_);
  // Into the figures of all connections together.
  void note_queue_locked(std::int64_t messages, std::int64_t bytes) HEARTH_REQUIRES(mutex_);
  void clear_queue_locked(std::size_t keep) HEARTH_REQUIRES(mutex_);

  Mutex mutex_;
  // The three are null once detached.
  StreamDeps* deps_ HEARTH_GUARDED_BY(mutex_);
  Reactor* reactor_ HEARTH_GUARDED_BY(mutex_);
  grpc::CallbackServerContext* context_ HEARTH_GUARDED_BY(mutex_);
  struct Queued {
    v1::ControllerMessage message;
    std::int64_t bytes = 0;
  };

  // The front is being written while writing_.
  std::deque<Queued> queue_ HEARTH_GUARDED_BY(mutex_);
  std::int64_t queue_bytes_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool writing_ HEARTH_GUARDED_BY(mutex_) = false;
  bool closing_ HEARTH_GUARDED_BY(mutex_) = false;
  bool finished_ HEARTH_GUARDED_BY(mutex_) = false;
  grpc::Status status_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::front::agentlink
