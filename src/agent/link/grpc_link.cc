#include "agent/link/grpc_link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/link/channel_credentials.h"
#include "agent/link/control_queue.h"
#include "agent/link/grpc_call.h"
#include "agent/link/join_call.h"
#include "agent/link/link_channel.h"
#include "agent/link/link_messages.h"
#include "agent/link/output_link.h"
#include "agent/link/reconnect_delay.h"
#include "agent/link/retired_calls.h"
#include "agent/link/upload_fetches.h"
#include "agent/loop/loop_timer.h"
#include "hearth/agent_link.grpc.pb.h"
#include "wire/link_codec.h"
#include "wire/telemetry_codec.h"

namespace hearth::agent {
namespace {

using ControlCall = GrpcCall<v1::AgentMessage, v1::ControllerMessage>;

class GrpcLink final : public ControllerLink {
 public:
  GrpcLink(const GrpcLinkDeps& deps, GrpcLinkOptions options)
      : deps_(deps),
        options_(std::move(options)),
        gate_(std::make_shared<LoopGate>(deps.loop)),
        delay_(options_.reconnect_initial, options_.reconnect_max, options_.seed),
        output_(deps_, options_, gate_),
        fetches_(deps.loop, gate_),
        join_due_(options_.credential.is_new),
        reconnect_timer_(deps.loop),
        welcome_timer_(deps.loop),
        heartbeat_timer_(deps.loop) {}
  ~GrpcLink() override {
    close();
    gate_->wait_until_none();
  }

  void start(LinkListener& listener) override {
    listener_ = &listener;
    (void)deps_.usage.read();  // so that the first heartbeat knows the CPU since now
    connect();
  }

  void close() override {
    listener_ = nullptr;
    disconnect();
    fetches_.close();
    reconnect_timer_.cancel();
  }

  void report_started(const AttemptKey& key) override {
    v1::AgentMessage message;
    wire::to_proto(key, *message.mutable_started()->mutable_key());
    send(std::move(message));
  }

  void report_finished(const AttemptKey& key, const AttemptResult& result) override {
    v1::AgentMessage message;
    wire::to_proto(key, *message.mutable_finished()->mutable_key());
    wire::to_proto(result, *message.mutable_finished()->mutable_result());
    send(std::move(message));
  }

  void say_draining() override {
    v1::AgentMessage message;
    message.mutable_draining();
    send(std::move(message));
  }

  void report_telemetry(TelemetryReport report) override {
    if (report.whole) {
      queue_.drop_telemetry();
    }
    v1::AgentMessage message;
    wire::to_proto(report, *message.mutable_telemetry());
    send(std::move(message));
  }

  [[nodiscard]] std::uint64_t telemetry_bytes() const override { return queue_.telemetry_bytes(); }

  void answer_telemetry(std::uint64_t id, const Result<TelemetrySeries>& series) override {
    v1::AgentMessage message;
    message.mutable_telemetry_answer()->set_id(id);
    wire::to_proto(series, *message.mutable_telemetry_answer());
    send(std::move(message));
  }

  void output_grew(const OutputStreamKey& stream, std::int64_t size) override {
    output_.grew(stream, size);
  }

  void forget_output(const AttemptKey& key) override { output_.forget(key); }

  void fetch_upload(UploadWanted wanted, OnFetched on_fetched) override;

 private:
  void connect();
  void join();
  void joined(const grpc::Status& status);
  void control_ended(const grpc::Status& status);
  void disconnect();
  void lost(const std::string& why, std::optional<Duration> wait = std::nullopt);
  void refused(ErrorCode code, const std::string& kind, const std::string& why);
  void take_all(const v1::ControllerMessage& message);
  void take(const v1::ControllerMessage& message);
  void take_welcome(const v1::WelcomeMessage& welcome);
  void take_order(const v1::ControllerMessage& message);
  void send(v1::AgentMessage message);
  void write_control();
  void beat();
  void send_heartbeat();  // and the next in heartbeat_interval_
  void await_welcome() {
    welcome_timer_.set(options_.welcome_timeout,
                       [this] { lost("the controller did not answer the hello"); });
  }

  const GrpcLinkDeps deps_;
  const GrpcLinkOptions options_;
  std::shared_ptr<LoopGate> gate_;
  LinkListener* listener_ = nullptr;  // null when closed
  ReconnectDelay delay_;
  OutputLink output_;
  UploadFetches fetches_;

  std::shared_ptr<JoinCall> join_;
  bool join_due_ = false;
  bool has_joined_ = false;  // since the last welcome: once is enough

  std::unique_ptr<v1::AgentLink::Stub> control_stub_;
  std::shared_ptr<ControlCall> control_;
  ControlQueue queue_;
  bool writing_ = false;
  bool up_ = false;
  bool outage_logged_ = false;
  std::uint64_t epoch_ = 0;  // of the controller that said welcome
  AgentId agent_;
  std::uint64_t link_ = 0;
  Duration heartbeat_interval_{};

  RetiredCalls retired_;
  LoopTimer reconnect_timer_;
  LoopTimer welcome_timer_;
  LoopTimer heartbeat_timer_;
};

void GrpcLink::join() {
  auto stub = connect_to(options_);
  if (!stub) {
    lost(stub.error().message);
    return;
  }
  join_ = std::make_shared<JoinCall>(gate_, [this](const grpc::Status& status) { joined(status); });
  join_->start(std::move(*stub), options_.credential, listener_->hello().info.id.value());
  await_welcome();
}

void GrpcLink::joined(const grpc::Status& status) {
  welcome_timer_.cancel();
  retired_.take(join_);
  if (status.ok()) {
    join_due_ = false;
    has_joined_ = true;
    deps_.log.info("joined the controller", {{"controller", options_.controller}});
    connect();
  } else if (is_refusal(status)) {
    refused(static_cast<ErrorCode>(status.error_code()), "join_refused", status.error_message());
  } else {
    lost(explain_failure(status.error_message(), options_.tls));
  }
}

void GrpcLink::control_ended(const grpc::Status& status) {
  const bool may_join = !options_.credential.join_token.empty() && !has_joined_;
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED && may_join && !up_) {
    // The credential is kept from an earlier start, and the controller does not know it.
    disconnect();
    join_due_ = true;
    connect();
  } else if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
             status.error_code() == grpc::StatusCode::PERMISSION_DENIED) {
    refused(static_cast<ErrorCode>(status.error_code()), "unauthenticated", status.error_message());
  } else {
    lost(status.ok() ? "the controller ended the connection"
                     : explain_failure(status.error_message(), options_.tls));
  }
}

void GrpcLink::connect() {
  if (join_due_) {
    join();
    return;
  }
  auto stub = connect_to(options_);
  if (!stub) {
    lost(stub.error().message);
    return;
  }
  control_stub_ = std::move(*stub);
  control_ = std::make_shared<ControlCall>(
      gate_, ControlCall::Events{
                 .on_message = [this](const v1::ControllerMessage& message) { take_all(message); },
                 .on_written =
                     [this] {
                       writing_ = false;
                       write_control();
                     },
                 .on_ended = [this](const grpc::Status& status) { control_ended(status); }});
  control_->start([this](grpc::ClientContext* context, ControlCall* call) {
    sign(*context, options_.credential);
    control_stub_->async()->Control(context, call);
  });
  const LinkHello hello = listener_->hello();
  agent_ = hello.info.id;
  epoch_ = hello.controller_epoch_seen;
  v1::AgentMessage message;
  *message.mutable_hello() = to_hello(hello);
  queue_.add(std::move(message));
  write_control();
  await_welcome();
}

void GrpcLink::disconnect() {
  welcome_timer_.cancel();
  heartbeat_timer_.cancel();
  output_.close();
  retired_.take(control_);
  retired_.take(join_);
  control_stub_.reset();
  queue_.clear();
  writing_ = false;
}

void GrpcLink::refused(ErrorCode code, const std::string& kind, const std::string& why) {
  outage_logged_ = true;  // the listener tells
  lost(why, options_.reconnect_refused);
  listener_->on_rejected(
      Error{.code = code,
            .message = "controller " + options_.controller + " refuses this agent: " + why,
            .kind = kind});
}

void GrpcLink::lost(const std::string& why, std::optional<Duration> wait) {
  disconnect();
  reconnect_timer_.set(wait ? *wait : delay_.next(), [this] { connect(); });
  if (!std::exchange(outage_logged_, true)) {
    deps_.log.warn("no link to the controller; trying again",
                   {{"controller", options_.controller}, {"why", why}});
  }
  if (std::exchange(up_, false)) {
    listener_->on_order(LinkDown{});
  }
}

void GrpcLink::take_all(const v1::ControllerMessage& message) {
  const std::shared_ptr<ControlCall> call = control_;
  take(message);
  for (const v1::ControllerMessage& next : message.more()) {
    if (control_ != call) {
      return;  // given up meanwhile
    }
    take(next);
  }
}

void GrpcLink::take(const v1::ControllerMessage& message) {
  if (message.kind_case() == v1::ControllerMessage::kReject) {
    const Error error{.code = ErrorCode::FailedPrecondition,
                      .message = message.reject().message(),
                      .kind = message.reject().code()};
    outage_logged_ = true;  // the listener tells
    lost(error.message,
         error.kind == "forbidden" ? std::optional(options_.reconnect_refused) : std::nullopt);
    listener_->on_rejected(error);
    return;
  }
  if (message.controller_epoch() < epoch_) {
    lost("the controller's epoch " + std::to_string(message.controller_epoch()) + " is below " +
         std::to_string(epoch_) + ": it was replaced by another");
    return;
  }
  if (message.kind_case() == v1::ControllerMessage::kWelcome) {
    take_welcome(message.welcome());
  } else if (message.kind_case() == v1::ControllerMessage::kTelemetryWanted) {
    listener_->on_telemetry_wanted(wire::interval_of(message.telemetry_wanted()));
  } else if (up_) {
    take_order(message);
  }
}

void GrpcLink::take_welcome(const v1::WelcomeMessage& welcome) {
  if (up_) {
    return;
  }
  welcome_timer_.cancel();
  delay_.reset();
  outage_logged_ = false;
  has_joined_ = false;
  up_ = true;
  epoch_ = welcome.controller_epoch();
  link_ = welcome.link();
  heartbeat_interval_ = std::max(Duration(1), Duration(welcome.heartbeat_interval_ms()));
  deps_.log.info("linked to the controller",
                 {{"controller", options_.controller}, {"epoch", epoch_}, {"link", link_}});
  beat();
  output_.open(agent_, link_);
  listener_->on_order(to_link_up(welcome));
}

void GrpcLink::take_order(const v1::ControllerMessage& message) {
  if (message.kind_case() == v1::ControllerMessage::kAssign) {
    listener_->on_assign(to_assign(message));
  } else if (message.kind_case() == v1::ControllerMessage::kHeartbeatWanted) {
    heartbeat_interval_ = wire::to_model(message.heartbeat_wanted());
    send_heartbeat();  // by which the controller knows
  } else if (message.kind_case() == v1::ControllerMessage::kTelemetryQuery) {
    listener_->on_telemetry_query(message.telemetry_query().id(),
                                  wire::to_model(message.telemetry_query()));
  } else if (const std::optional<AgentCommand> order = to_order(message)) {
    listener_->on_order(*order);
  }
}

void GrpcLink::send(v1::AgentMessage message) {
  if (up_) {
    queue_.add(std::move(message));
    write_control();
  }
}

void GrpcLink::write_control() {
  if (control_ && !writing_ && !queue_.is_empty()) {
    writing_ = true;
    control_->write(queue_.take(heartbeat_interval_));
  }
}

void GrpcLink::send_heartbeat() {
  if (!queue_.has_heartbeat()) {
    v1::AgentMessage message;
    wire::to_proto(deps_.usage.read(), *message.mutable_heartbeat());
    send(std::move(message));
  }
  heartbeat_timer_.set(heartbeat_interval_, [this] { beat(); });
}

void GrpcLink::beat() {
  send_heartbeat();
  output_.repeat_unanswered();
  listener_->on_beat();
}

// On a connection of its own, as output is, and for as long as it goes well: a control stream that
// is opened again does not cut it.
void GrpcLink::fetch_upload(UploadWanted wanted, OnFetched on_fetched) {
  auto stub = up_ ? connect_to(options_)
                  : Result<std::unique_ptr<v1::AgentLink::Stub>>(
                        unavailable("there is no link to the controller now"));
  if (!stub) {
    fetches_.fail(stub.error(), std::move(on_fetched));
    return;
  }
  v1::UploadRequest request;
  request.set_agent(agent_.value());
  request.set_link(link_);
  wire::to_proto(wanted.attempt, *request.mutable_key());
  request.set_upload(wanted.upload);
  fetches_.start(
      std::move(*stub),
      [this](grpc::ClientContext& context) { sign(context, options_.credential); },
      std::move(request), std::move(wanted.path), std::move(on_fetched));
}

}  // namespace

std::unique_ptr<ControllerLink> make_grpc_link(const GrpcLinkDeps& deps, GrpcLinkOptions options) {
  return std::make_unique<GrpcLink>(deps, std::move(options));
}

}  // namespace hearth::agent
