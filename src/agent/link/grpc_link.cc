#include "agent/link/grpc_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "agent/link/channel_credentials.h"
#include "agent/link/grpc_call.h"
#include "agent/link/join_call.h"
#include "agent/link/link_messages.h"
#include "agent/link/reconnect_delay.h"
#include "agent/link/upload_fetches.h"
#include "hearth/agent_link.grpc.pb.h"
#include "wire/link_codec.h"
#include "wire/telemetry_codec.h"

namespace hearth::agent {
namespace {

constexpr std::uint32_t kProtocol = 1;

using ControlCall = GrpcCall<v1::AgentMessage, v1::ControllerMessage>;
using OutputCall = GrpcCall<v1::OutputUp, v1::OutputDown>;

// A channel of its own for each call: gRPC would share connections and has a back-off of its own.
Result<std::unique_ptr<v1::AgentLink::Stub>> connect_to(const GrpcLinkOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
  HEARTH_ASSIGN(const auto credentials, make_channel_credentials(options.tls));
  return v1::AgentLink::NewStub(
      grpc::CreateCustomChannel(options.controller, credentials, arguments));
}

v1::OutputUp to_proto(std::vector<OutputPiece> batch) {
  v1::OutputUp message;
  for (OutputPiece& piece : batch) {
    v1::OutputChunk& chunk = *message.add_chunks();
    wire::to_proto(piece.stream.attempt, *chunk.mutable_key());
    chunk.set_stream(static_cast<std::uint32_t>(piece.stream.stream));
    chunk.set_offset(static_cast<std::uint64_t>(piece.offset));
    chunk.set_data(std::move(piece.bytes));
  }
  return message;
}

v1::Hello to_proto(const LinkHello& hello) {
  v1::Hello message;
  wire::to_proto(hello.info, message);
  message.set_protocol(kProtocol);
  message.set_controller_epoch_seen(hello.controller_epoch_seen);
  for (const HeldState& state : hello.held) {
    v1::HeldAttempt& held = *message.add_held();
    wire::to_proto(state.key, *held.mutable_key());
    held.set_started(state.started);
    held.set_finished(state.finished);
  }
  return message;
}

class GrpcLink final : public ControllerLink {
 public:
  GrpcLink(const GrpcLinkDeps& deps, GrpcLinkOptions options)
      : deps_(deps),
        options_(std::move(options)),
        gate_(std::make_shared<LoopGate>(deps.loop)),
        delay_(options_.reconnect_initial, options_.reconnect_max, options_.seed),
        output_delay_(options_.reconnect_initial, options_.reconnect_max, options_.seed + 1),
        sender_(deps.output),
        fetches_(deps.loop, gate_),
        join_due_(options_.credential.is_new) {}
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
    cancel(reconnect_timer_);
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
      std::erase_if(queue_, [](const v1::AgentMessage& waiting) {
        return waiting.kind_case() == v1::AgentMessage::kTelemetry;
      });
    }
    v1::AgentMessage message;
    wire::to_proto(report, *message.mutable_telemetry());
    send(std::move(message));
  }

  [[nodiscard]] std::uint64_t telemetry_bytes() const override { return telemetry_bytes_; }

  void answer_telemetry(std::uint64_t id, const Result<TelemetrySeries>& series) override {
    v1::AgentMessage message;
    message.mutable_telemetry_answer()->set_id(id);
    wire::to_proto(series, *message.mutable_telemetry_answer());
    send(std::move(message));
  }

  void output_grew(const OutputStreamKey& stream, std::int64_t size) override {
    sender_.grew(stream, size);
    pump_output();
  }

  void forget_output(const AttemptKey& key) override { sender_.forget(key); }

  void fetch_upload(UploadWanted wanted, OnFetched on_fetched) override;

 private:
  // A closed call that gRPC may still hold (see grpc_call.h).
  struct Retired {
    std::shared_ptr<void> call;
    std::function<bool()> is_done;
  };

  void connect();
  void join();
  void joined(const grpc::Status& status);
  void control_ended(const grpc::Status& status);
  void sign(grpc::ClientContext& context) const;
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
  void open_output();
  void output_ended(const grpc::Status& status);
  void pump_output();

  void arm(std::optional<TimerId>& timer, Duration after, void (GrpcLink::*then)()) {
    cancel(timer);
    timer = deps_.loop.set_timer(after, [this, &timer, then] {
      timer.reset();
      (this->*then)();
    });
  }
  void cancel(std::optional<TimerId>& timer) {
    if (timer) {
      deps_.loop.cancel_timer(*timer);
      timer.reset();
    }
  }
  template <class Call>
  void retire(std::shared_ptr<Call>& call) {
    std::erase_if(retired_, [](const Retired& one) { return one.is_done(); });
    if (call) {
      call->close();
      retired_.push_back({call, [raw = call.get()] { return raw->is_done(); }});
      call.reset();
    }
  }
  void welcome_overdue() { lost("the controller did not answer the hello"); }

  const GrpcLinkDeps deps_;
  const GrpcLinkOptions options_;
  std::shared_ptr<LoopGate> gate_;
  LinkListener* listener_ = nullptr;  // null when closed
  ReconnectDelay delay_;
  ReconnectDelay output_delay_;
  OutputSender sender_;
  UploadFetches fetches_;

  std::shared_ptr<JoinCall> join_;
  bool join_due_ = false;
  bool has_joined_ = false;  // since the last welcome: once is enough

  std::unique_ptr<v1::AgentLink::Stub> control_stub_;
  std::shared_ptr<ControlCall> control_;
  std::deque<v1::AgentMessage> queue_;  // bounded by the attempts held: each reports once a link
  bool writing_ = false;
  std::uint64_t telemetry_bytes_ = 0;  // of reports, since the start
  bool beat_waits_ = false;
  bool up_ = false;
  bool outage_logged_ = false;
  std::uint64_t epoch_ = 0;  // of the controller that said welcome
  AgentId agent_;
  std::uint64_t link_ = 0;
  Duration heartbeat_interval_{};

  std::unique_ptr<v1::AgentLink::Stub> output_stub_;
  std::shared_ptr<OutputCall> output_;
  bool output_failed_ = false;  // since the last answer on any output stream
  bool output_introduced_ = false;
  bool output_writing_ = false;

  std::vector<Retired> retired_;
  std::optional<TimerId> reconnect_timer_;
  std::optional<TimerId> welcome_timer_;
  std::optional<TimerId> heartbeat_timer_;
  std::optional<TimerId> output_timer_;
};

// A refusal that trying again soon does not mend.
bool is_refusal(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
      return true;
    default:
      return false;
  }
}

void GrpcLink::sign(grpc::ClientContext& context) const {
  if (!options_.credential.token.empty()) {
    context.AddMetadata("authorization", "Bearer " + options_.credential.token);
  }
}

void GrpcLink::join() {
  auto stub = connect_to(options_);
  if (!stub) {
    lost(stub.error().message);
    return;
  }
  join_ = std::make_shared<JoinCall>(gate_, [this](const grpc::Status& status) { joined(status); });
  join_->start(std::move(*stub), options_.credential, listener_->hello().info.id.value());
  arm(welcome_timer_, options_.welcome_timeout, &GrpcLink::welcome_overdue);
}

void GrpcLink::joined(const grpc::Status& status) {
  cancel(welcome_timer_);
  retire(join_);
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
    sign(*context);
    control_stub_->async()->Control(context, call);
  });
  const LinkHello hello = listener_->hello();
  agent_ = hello.info.id;
  epoch_ = hello.controller_epoch_seen;
  v1::AgentMessage message;
  *message.mutable_hello() = to_proto(hello);
  queue_.push_back(std::move(message));
  write_control();
  arm(welcome_timer_, options_.welcome_timeout, &GrpcLink::welcome_overdue);
}

void GrpcLink::disconnect() {
  for (auto* timer : {&welcome_timer_, &heartbeat_timer_, &output_timer_}) {
    cancel(*timer);
  }
  sender_.closed();
  retire(output_);
  retire(control_);
  retire(join_);
  output_stub_.reset();
  control_stub_.reset();
  queue_.clear();
  writing_ = false;
  beat_waits_ = false;
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
  arm(reconnect_timer_, wait ? *wait : delay_.next(), &GrpcLink::connect);
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
  cancel(welcome_timer_);
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
  output_failed_ = false;
  open_output();
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
    queue_.push_back(std::move(message));
    write_control();
  }
}

// What waits goes together: one write costs as much as many small messages.
void GrpcLink::write_control() {
  if (!control_ || writing_ || queue_.empty()) {
    return;
  }
  writing_ = true;
  v1::AgentMessage message;
  auto bytes = std::int64_t{0};
  bool is_first = true;
  while (!queue_.empty() && (is_first || bytes < limits::kLinkBatchBytesMax)) {
    v1::AgentMessage& next = queue_.front();
    if (next.kind_case() == v1::AgentMessage::kHeartbeat) {
      beat_waits_ = false;
      next.mutable_heartbeat()->set_interval_ms(
          static_cast<std::uint64_t>(heartbeat_interval_.count()));
    }
    const std::size_t size = next.ByteSizeLong();
    bytes += static_cast<std::int64_t>(size);
    if (next.kind_case() == v1::AgentMessage::kTelemetry) {
      telemetry_bytes_ += size;
    }
    (is_first ? message : *message.add_more()) = std::move(next);
    is_first = false;
    queue_.pop_front();
  }
  control_->write(std::move(message));
}

void GrpcLink::send_heartbeat() {
  if (!std::exchange(beat_waits_, true)) {
    v1::AgentMessage message;
    wire::to_proto(deps_.usage.read(), *message.mutable_heartbeat());
    send(std::move(message));
  }
  arm(heartbeat_timer_, heartbeat_interval_, &GrpcLink::beat);
}

void GrpcLink::beat() {
  send_heartbeat();
  sender_.repeat_unanswered();
  pump_output();
  listener_->on_beat();
}

void GrpcLink::open_output() {
  auto stub = connect_to(options_);
  if (!stub) {
    output_ended({grpc::StatusCode::UNAVAILABLE, stub.error().message});
    return;
  }
  output_stub_ = std::move(*stub);
  output_ = std::make_shared<OutputCall>(
      gate_, OutputCall::Events{
                 .on_message =
                     [this](const v1::OutputDown& message) {
                       output_delay_.reset();
                       output_failed_ = false;
                       for (const v1::OutputPosition& position : message.received()) {
                         if (const Result<StreamKind> stream = wire::to_stream(position.stream())) {
                           sender_.received({wire::to_model(position.key()), *stream},
                                            static_cast<std::int64_t>(position.offset()));
                         }
                       }
                       pump_output();
                     },
                 .on_written =
                     [this] {
                       output_writing_ = false;
                       pump_output();
                     },
                 .on_ended = [this](const grpc::Status& status) { output_ended(status); }});
  output_->start([this](grpc::ClientContext* context, OutputCall* call) {
    sign(*context);
    output_stub_->async()->Output(context, call);
  });
  output_introduced_ = false;
  output_writing_ = false;
  sender_.opened();
  pump_output();
}

void GrpcLink::output_ended(const grpc::Status& status) {
  sender_.closed();
  retire(output_);
  const Duration wait = output_delay_.next();
  // The first is often just the way a lost connection shows first; the control stream tells then.
  deps_.log.log(output_failed_ ? LogLevel::Warn : LogLevel::Debug,
                "the controller does not take output now; it is kept and sent again",
                {{"why", status.error_message()}, {"retry_ms", wait.count()}});
  output_failed_ = true;
  arm(output_timer_, wait, &GrpcLink::open_output);
}

void GrpcLink::pump_output() {
  if (!output_ || output_writing_) {
    return;
  }
  v1::OutputUp message = to_proto(sender_.next_batch());
  if (output_introduced_ && message.chunks().empty()) {
    return;
  }
  if (!std::exchange(output_introduced_, true)) {
    message.set_agent(agent_.value());
    message.set_link(link_);
  }
  output_writing_ = true;
  output_->write(std::move(message));
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
      std::move(*stub), [this](grpc::ClientContext& context) { sign(context); }, std::move(request),
      std::move(wanted.path), std::move(on_fetched));
}

}  // namespace

std::unique_ptr<ControllerLink> make_grpc_link(const GrpcLinkDeps& deps, GrpcLinkOptions options) {
  return std::make_unique<GrpcLink>(deps, std::move(options));
}

}  // namespace hearth::agent
