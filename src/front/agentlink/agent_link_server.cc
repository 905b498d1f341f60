#include "front/agentlink/agent_link_server.h"

#include <grpcpp/grpcpp.h>

#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/ip_text.h"
#include "front/agentlink/acceptor.h"
#include "front/agentlink/control_stream.h"
#include "front/agentlink/fetch_stream.h"
#include "front/agentlink/join_call.h"
#include "front/agentlink/link_table.h"
#include "front/agentlink/output_stream.h"
#include "front/agentlink/server_credentials.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::front::agentlink {
namespace {

struct Endpoint {
  std::string host;
  int port = 0;
};

Result<Endpoint> parse_endpoint(std::string_view address, bool beyond_loopback) {
  const std::size_t colon = address.rfind(':');
  Endpoint endpoint;
  const std::string_view port = colon == std::string_view::npos ? "" : address.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() ||
      endpoint.port < 0 || endpoint.port > 65'535) {
    return invalid_argument("cannot listen for agents on \"" + std::string(address) +
                            "\": write HOST:PORT, such as 127.0.0.1:50051 (port 0 picks one)");
  }
  endpoint.host = std::string(address.substr(0, colon));
  if (endpoint.host == "localhost") {
    endpoint.host = "127.0.0.1";
  }
  if (!is_ipv4(endpoint.host)) {
    return invalid_argument("cannot listen for agents on \"" + std::string(address) +
                            "\": give an IPv4 address, such as 127.0.0.1:50051");
  }
  if (!beyond_loopback && !is_loopback_ip(endpoint.host)) {
    return invalid_argument("cannot listen for agents on \"" + std::string(address) +
                            "\": loopback (127.0.0.1) only, without TLS and tokens");
  }
  return endpoint;
}

class Service final : public v1::AgentLink::CallbackService {
 public:
  explicit Service(StreamDeps& deps) : deps_(deps) {}

  ControlReactor* Control(grpc::CallbackServerContext* context) override {
    return open_control_stream(deps_, *context);
  }
  OutputReactor* Output(grpc::CallbackServerContext* context) override {
    return open_output_stream(deps_, *context);
  }
  FetchReactor* FetchUpload(grpc::CallbackServerContext* context,
                            const v1::UploadRequest* request) override {
    return open_fetch_stream(deps_, *context, *request);
  }
  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const v1::JoinRequest* request,
                                 v1::JoinReply* /*reply*/) override {
    return answer_join(deps_.gate, *context, *request);
  }

 private:
  StreamDeps& deps_;
};

void configure(grpc::ServerBuilder& builder, const AgentLinkOptions& options) {
  const int keepalive = static_cast<int>(options.keepalive.count());
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(limits::kTlsHandshakeSeconds) * 1'000);
  // Agents ping as well; their pings are welcome at any rate.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
  builder.SetMaxSendMessageSize(static_cast<int>(limits::kLinkMessageBytesMax));
}

}  // namespace

class AgentLinkServer::Impl {
 public:
  Impl(api::AgentApi& api, api::Doorkeeper& keeper, AgentLinkOptions options)
      : options_(std::move(options)),
        table_(options_.streams_max),
        gate_(keeper, options_.is_open),
        deps_{.api = api, .options = options_, .table = table_, .gate = gate_, .counts = counts_},
        service_(deps_) {}

  ~Impl() { stop(); }

  Result<> start() {
    HEARTH_ASSIGN(const Endpoint endpoint,
                  parse_endpoint(options_.address, options_.beyond_loopback));
    HEARTH_ASSIGN(acceptor_, Acceptor::listen(endpoint.host, endpoint.port));
    grpc::ServerBuilder builder;
    configure(builder, options_);
    credentials_ = options_.tls == nullptr ? grpc::InsecureServerCredentials()
                                           : make_server_credentials(*options_.tls);
    using Builder = grpc::ServerBuilder::experimental_type;
    intake_ = builder.experimental().AddExternalConnectionAcceptor(
        Builder::ExternalConnectionType::FROM_FD, credentials_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (!server_) {
      return internal_error("serve agents on " + options_.address + ": gRPC did not start");
    }
    return acceptor_->start(
        [this](int listener, UniqueFd connection) {
          grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
          parameters.listener_fd = listener;
          parameters.fd = connection.release();
          intake_->HandleNewConnection(&parameters);
        },
        [this] {
          if (options_.on_descriptors_short) {
            options_.on_descriptors_short();
          }
        });
  }

  void stop() {
    if (acceptor_) {
      acceptor_->stop();
    }
    if (server_) {
      // A deadline long past: nothing is waited for.
      server_->Shutdown(std::chrono::system_clock::time_point{});
      server_->Wait();
      table_.wait_until_none();
      server_.reset();
    }
  }

  [[nodiscard]] int port() const { return acceptor_->port(); }
  [[nodiscard]] LinkStats stats() {
    return {.links = counts_.links.load(),
            .messages_received = counts_.messages_received.load(),
            .messages_sent = counts_.messages_sent.load(),
            .batches_received = counts_.batches_received.load(),
            .batches_sent = counts_.batches_sent.load(),
            .chunks_received = counts_.chunks_received.load(),
            .streams = table_.streams(),
            .fetches = counts_.fetches.load(),
            .upload_bytes_sent = counts_.upload_bytes_sent.load(),
            .queue_messages = counts_.queue_messages.load(),
            .queue_bytes = counts_.queue_bytes.load(),
            .refused = counts_.refused.snapshot(),
            .telemetry_decode = counts_.telemetry_decode.snapshot()};
  }

 private:
  const AgentLinkOptions options_;
  LinkTable table_;
  Gate gate_;
  LinkCounts counts_;
  StreamDeps deps_;
  Service service_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;  // asked by the server for its whole life
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> intake_;
  std::unique_ptr<grpc::Server> server_;
};

Result<std::unique_ptr<AgentLinkServer>> AgentLinkServer::start(api::AgentApi& api,
                                                                api::Doorkeeper& keeper,
                                                                AgentLinkOptions options) {
  auto impl = std::make_unique<Impl>(api, keeper, std::move(options));
  HEARTH_TRY(impl->start());
  return std::unique_ptr<AgentLinkServer>(new AgentLinkServer(std::move(impl)));
}

AgentLinkServer::AgentLinkServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentLinkServer::~AgentLinkServer() = default;

int AgentLinkServer::port() const {
  return impl_->port();
}

LinkStats AgentLinkServer::stats() {
  return impl_->stats();
}

void AgentLinkServer::stop() {
  impl_->stop();
}

}  // namespace hearth::front::agentlink
