#include "front/agentlink/output_stream.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/limits.h"
#include "base/mutex.h"
#include "wire/link_codec.h"

namespace hearth::front::agentlink {
namespace {

// Positions that wait because the agent does not read them; one per stream of an attempt.
constexpr std::size_t kPositionsWaitingMax = 16'384;

grpc::Status refuse(grpc::StatusCode code, const std::string& message) {
  return {code, message};
}

class OutputStream final : public OutputReactor {
 public:
  OutputStream(StreamDeps& deps, const grpc::CallbackServerContext& context, auth::Caller caller)
      : deps_(deps),
        caller_(std::move(caller)),
        peer_(address_of_peer(context.peer())),
        watch_(deps.gate.keeper().watch(caller_.token, [this] { close(ended_status()); })) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      close(grpc::Status::OK);
      return;
    }
    const grpc::Status status = take();
    if (!status.ok()) {
      close(status);
      return;
    }
    message_.Clear();
    StartRead(&message_);
  }

  void OnWriteDone(bool ok) override {
    const MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) {
      closing_ = true;
    }
    if (closing_) {
      finish_locked();
    } else if (!waiting_.empty()) {
      write_positions_locked();
    }
  }

  void OnCancel() override { close(grpc::Status::CANCELLED); }

  void OnDone() override {
    deps_.gate.keeper().unwatch(watch_);
    LinkTable& table = deps_.table;
    delete this;
    table.stream_closed();
  }

 private:
  using StreamKey = std::pair<AttemptKey, StreamKind>;

  static grpc::Status ended_status() {
    return refuse(grpc::StatusCode::UNAUTHENTICATED,
                  "the agent's token was revoked or has expired");
  }

  grpc::Status take() {
    if (!deps_.gate.holds(caller_)) {
      return ended_status();
    }
    if (!link_) {
      agent_ = AgentId(message_.agent());
      link_ = message_.link();
      if (const Result<> checked = deps_.gate.check_agent(caller_, peer_, "Output", agent_.value());
          !checked) {
        return status_of(checked.error());
      }
    }
    if (!deps_.table.holds(*link_, agent_)) {
      return refuse(grpc::StatusCode::FAILED_PRECONDITION,
                    "link " + std::to_string(*link_) + " of agent \"" + agent_.value() +
                        "\" is not open; connect the control stream first");
    }
    count(deps_.counts.chunks_received, static_cast<std::uint64_t>(message_.chunks_size()));
    std::map<StreamKey, std::int64_t> positions;
    for (const v1::OutputChunk& chunk : message_.chunks()) {
      const grpc::Status status = take_chunk(chunk, positions);
      if (!status.ok()) {
        // What was taken before is still answered, as far as the agent reads it.
        answer(std::move(positions));
        return status;
      }
    }
    return answer(std::move(positions));
  }

  grpc::Status take_chunk(const v1::OutputChunk& chunk,
                          std::map<StreamKey, std::int64_t>& positions) {
    const Result<StreamKind> stream = wire::to_stream(chunk.stream());
    if (!stream) {
      return refuse(grpc::StatusCode::INVALID_ARGUMENT, stream.error().message);
    }
    if (static_cast<std::int64_t>(chunk.data().size()) > limits::kOutputChunkBytesMax ||
        chunk.offset() > static_cast<std::uint64_t>(INT64_MAX - limits::kOutputChunkBytesMax)) {
      return refuse(grpc::StatusCode::INVALID_ARGUMENT,
                    "a chunk of output has at most " +
                        std::to_string(limits::kOutputChunkBytesMax) + " bytes");
    }
    const AttemptKey key = wire::to_model(chunk.key());
    const Result<std::int64_t> position = deps_.api.output(
        agent_, key, *stream, static_cast<std::int64_t>(chunk.offset()), chunk.data());
    if (position) {
      positions[{key, *stream}] = *position;
      return grpc::Status::OK;
    }
    if (position.error().code == ErrorCode::FailedPrecondition) {
      // Not this agent's attempt any more. Its control stream tells it to stop; other streams go
      // on meanwhile.
      return grpc::Status::OK;
    }
    return refuse(grpc::StatusCode::UNAVAILABLE, position.error().message);
  }

  grpc::Status answer(std::map<StreamKey, std::int64_t> positions) {
    const MutexLock lock(mutex_);
    for (const auto& [stream, position] : positions) {
      waiting_.insert_or_assign(stream, position);
    }
    if (waiting_.size() > kPositionsWaitingMax) {
      deps_.counts.refused.count("positions_waiting_max");
      return refuse(grpc::StatusCode::RESOURCE_EXHAUSTED, "the agent does not read its answers");
    }
    if (!writing_ && !closing_ && !waiting_.empty()) {
      write_positions_locked();
    }
    return grpc::Status::OK;
  }

  void write_positions_locked() HEARTH_REQUIRES(mutex_) {
    answer_.Clear();
    for (const auto& [stream, position] : waiting_) {
      v1::OutputPosition& out = *answer_.add_received();
      wire::to_proto(stream.first, *out.mutable_key());
      out.set_stream(static_cast<std::uint32_t>(stream.second));
      out.set_offset(static_cast<std::uint64_t>(position));
    }
    waiting_.clear();
    writing_ = true;
    StartWrite(&answer_);
  }

  void close(const grpc::Status& status) {
    const MutexLock lock(mutex_);
    if (closing_) {
      return;
    }
    closing_ = true;
    status_ = status;
    if (!writing_) {
      finish_locked();
    }
  }

  void finish_locked() HEARTH_REQUIRES(mutex_) {
    if (!finished_) {
      finished_ = true;
      Finish(status_);
    }
  }

  StreamDeps& deps_;
  const auth::Caller caller_;
  const std::string peer_;
  v1::OutputUp message_;
  AgentId agent_;
  std::optional<std::uint64_t> link_;  // set by the first message

  Mutex mutex_;  // reads and writes complete on different threads
  std::map<StreamKey, std::int64_t> waiting_ HEARTH_GUARDED_BY(mutex_);
  v1::OutputDown answer_ HEARTH_GUARDED_BY(mutex_);
  bool writing_ HEARTH_GUARDED_BY(mutex_) = false;
  bool closing_ HEARTH_GUARDED_BY(mutex_) = false;
  bool finished_ HEARTH_GUARDED_BY(mutex_) = false;
  grpc::Status status_ HEARTH_GUARDED_BY(mutex_);
  const std::uint64_t watch_;  // last: what it calls uses all of the above
};

class RefusedStream final : public OutputReactor {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

OutputReactor* open_output_stream(StreamDeps& deps, grpc::CallbackServerContext& context) {
  if (!deps.table.stream_opened()) {
    deps.counts.refused.count("kLinkStreamsMax");
    return new RefusedStream(refuse(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                    "this controller has too many connections (kLinkStreamsMax)"));
  }
  Result<auth::Caller> caller = deps.gate.admit(context, "Output");
  if (!caller) {
    deps.table.stream_closed();
    return new RefusedStream(status_of(caller.error()));
  }
  return new OutputStream(deps, context, std::move(*caller));
}

}  // namespace hearth::front::agentlink
