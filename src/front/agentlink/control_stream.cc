#include "front/agentlink/control_stream.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "front/agentlink/control_connection.h"
#include "model/agent_check.h"
#include "model/release.h"
#include "wire/link_codec.h"
#include "wire/telemetry_codec.h"

namespace hearth::front::agentlink {
namespace {

constexpr std::uint32_t kProtocol = 1;
constexpr int kHeldAttemptsMax = 65'536;

Error no_hello(Duration timeout) {
  return Error{.code = ErrorCode::DeadlineExceeded,
               .message = "no hello came within " + std::to_string(timeout.count()) +
                          " ms (kLinkHelloTimeout); an agent says it first",
               .kind = "protocol"};
}

class ControlStream final : public ControlReactor {
 public:
  ControlStream(StreamDeps& deps, grpc::CallbackServerContext& context, auth::Caller caller)
      : deps_(deps),
        connection_(std::make_shared<ControlConnection>(deps, *this, context)),
        caller_(std::move(caller)),
        peer_(address_of_peer(context.peer())),
        watch_(deps.gate.keeper().watch(
            caller_.token, [connection = connection_] { connection->cut(ended_status()); })) {
    // Holds nothing of this stream, which may be over before a cancelled alarm is called.
    hello_alarm_.Set(gpr_time_from_millis(deps_.options.hello_timeout.count(), GPR_TIMESPAN),
                     [connection = connection_, greeted = greeted_,
                      timeout = deps_.options.hello_timeout](bool rang) {
                       if (rang && !greeted->load()) {
                         connection->reject(no_hello(timeout));
                       }
                     });
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      // The agent said it is done, or the connection broke.
      connection_->cut(grpc::Status::OK);
      return;
    }
    if (!deps_.gate.holds(caller_)) {
      connection_->cut(ended_status());
      return;
    }
    Result<> taken = take_all(message_);
    if (!taken) {
      connection_->reject(taken.error());
      return;
    }
    message_.Clear();
    StartRead(&message_);
  }

  void OnWriteDone(bool ok) override { connection_->write_done(ok); }
  void OnCancel() override { connection_->cut(grpc::Status::CANCELLED); }

  void OnDone() override {
    connection_->detach();
    deps_.gate.keeper().unwatch(watch_);
    LinkTable& table = deps_.table;
    if (link_) {
      table.remove(*link_);
      deps_.api.closed(*link_, agent_);
    }
    delete this;
    table.stream_closed();
  }

 private:
  static grpc::Status ended_status() {
    return {grpc::StatusCode::UNAUTHENTICATED, "the agent's token was revoked or has expired"};
  }

  Result<> take_all(const v1::AgentMessage& message) {
    count(deps_.counts.batches_received);
    count(deps_.counts.messages_received, 1 + static_cast<std::uint64_t>(message.more_size()));
    HEARTH_TRY(take(message));
    for (const v1::AgentMessage& next : message.more()) {
      HEARTH_TRY(take(next));
    }
    return {};
  }

  Result<> take(const v1::AgentMessage& message) {
    if (message.kind_case() == v1::AgentMessage::kHello) {
      return take_hello(message.hello());
    }
    if (!link_) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "the first message of a control stream must be a hello",
                   .kind = "protocol"};
    }
    switch (message.kind_case()) {
      case v1::AgentMessage::kHeartbeat:
        deps_.api.heartbeat(*link_, agent_, wire::to_model(message.heartbeat()));
        return {};
      case v1::AgentMessage::kStarted:
        deps_.api.started(*link_, agent_, wire::to_model(message.started().key()));
        return {};
      case v1::AgentMessage::kFinished: {
        HEARTH_ASSIGN(AttemptResult result, wire::to_model(message.finished().result()));
        deps_.api.finished(*link_, agent_, wire::to_model(message.finished().key()),
                           std::move(result));
        return {};
      }
      case v1::AgentMessage::kProgress:
        deps_.api.progress(*link_, agent_, wire::to_model(message.progress().key()),
                           message.progress().percent(), message.progress().text());
        return {};
      case v1::AgentMessage::kTelemetry:
        return take_telemetry(message.telemetry());
      case v1::AgentMessage::kTelemetryAnswer:
        deps_.api.telemetry_answer(*link_, message.telemetry_answer().id(),
                                   wire::to_model(message.telemetry_answer()));
        return {};
      case v1::AgentMessage::kDraining:
        deps_.api.draining(*link_, agent_);
        return {};
      default:
        return {};  // a newer agent's message: not for us
    }
  }

  Result<> take_telemetry(const v1::TelemetryReport& message) {
    SystemClock clock;
    const std::int64_t started_ns = clock.monotonic_ns();
    HEARTH_ASSIGN(TelemetryReport report, wire::to_model(message));
    deps_.counts.telemetry_decode.observe_ns(clock.monotonic_ns() - started_ns);
    deps_.api.telemetry(*link_, agent_, std::move(report));
    return {};
  }

  Result<> take_hello(const v1::Hello& hello) {
    if (link_) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "a second hello on one control stream",
                   .kind = "protocol"};
    }
    if (hello.protocol() != kProtocol) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "the agent speaks version " + std::to_string(hello.protocol()) +
                              " of the agent link, this controller version " +
                              std::to_string(kProtocol) + "; install matching versions",
                   .kind = "protocol"};
    }
    if (!deps_.options.version.empty()) {
      HEARTH_TRY(check_link_releases(deps_.options.version, hello.version()));
    }
    if (hello.controller_epoch_seen() > deps_.api.controller_epoch()) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "this controller (epoch " +
                              std::to_string(deps_.api.controller_epoch()) +
                              ") was replaced by one with epoch " +
                              std::to_string(hello.controller_epoch_seen()),
                   .kind = "stale_controller"};
    }
    HEARTH_ASSIGN(AgentInfo info, wire::to_model(hello));
    HEARTH_TRY(check_agent_info(info));
    HEARTH_TRY(deps_.gate.check_agent(caller_, peer_, "Control", info.id.value()));
    if (hello.held_size() > kHeldAttemptsMax) {
      return limit_exceeded("kHeldAttemptsMax", kHeldAttemptsMax,
                            "the agent holds more attempts than a controller believes");
    }
    std::vector<core::HeldAttempt> held;
    held.reserve(static_cast<std::size_t>(hello.held_size()));
    for (const v1::HeldAttempt& attempt : hello.held()) {
      held.push_back({.key = wire::to_model(attempt.key()),
                      .started = attempt.started(),
                      .finished = attempt.finished()});
    }
    greeted_->store(true);
    hello_alarm_.Cancel();
    agent_ = info.id;
    count(deps_.counts.links);  // before its welcome can be seen
    link_ = deps_.api.open(std::move(info), std::move(held), connection_);
    return {};
  }

  StreamDeps& deps_;
  std::shared_ptr<ControlConnection> connection_;
  const auth::Caller caller_;
  const std::string peer_;
  const std::uint64_t watch_;
  const std::shared_ptr<std::atomic<bool>> greeted_ = std::make_shared<std::atomic<bool>>(false);
  grpc::Alarm hello_alarm_;
  v1::AgentMessage message_;
  AgentId agent_;
  std::optional<std::uint64_t> link_;  // set by the hello
};

class RefusedStream final : public ControlReactor {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

ControlReactor* open_control_stream(StreamDeps& deps, grpc::CallbackServerContext& context) {
  if (!deps.table.stream_opened()) {
    deps.counts.refused.count("kLinkStreamsMax");
    return new RefusedStream({grpc::StatusCode::RESOURCE_EXHAUSTED,
                              "this controller has too many connections (kLinkStreamsMax)"});
  }
  Result<auth::Caller> caller = deps.gate.admit(context, "Control");
  if (!caller) {
    deps.table.stream_closed();
    return new RefusedStream(status_of(caller.error()));
  }
  return new ControlStream(deps, context, std::move(*caller));
}

}  // namespace hearth::front::agentlink
