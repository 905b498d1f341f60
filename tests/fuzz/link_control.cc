// What the controller's end of the agent link makes of what an agent says: both streams of
// front/agentlink as they are, with gRPC's transport played by this file. The first line of the
// input names the stream; each message follows behind its size in two bytes.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "api/testing/doorkeeper.h"
#include "api/testing/fake_agent_api.h"
#include "base/telemetry_limits.h"
#include "base/testing/recording_log.h"
#include "front/agentlink/control_stream.h"
#include "front/agentlink/output_stream.h"
#include "fuzz.h"
#include "hearth/agent_link.pb.h"
#include "model/agent_check.h"
#include "wire/job_codec.h"
#include "wire/protobuf_log.h"
#include "wire/telemetry_codec.h"

namespace hearth::fuzz {
namespace {

using api::testing::FakeAgentApi;
namespace agentlink = front::agentlink;

// Plays gRPC for one stream: reads come from the input, writes succeed at once.
template <class Up, class Down>
class Transport final : public grpc::ServerCallbackReaderWriter<Up, Down> {
 public:
  using Reactor = grpc::ServerBidiReactor<Up, Down>;

  explicit Transport(Reactor* reactor) : reactor_(reactor) { this->BindReactor(reactor); }

  // One message up; false when the stream does not read any more.
  bool deliver(std::string_view bytes) {
    if (incoming_ == nullptr || finished_) {
      return false;
    }
    Up* message = std::exchange(incoming_, nullptr);
    const bool parsed = message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    reactor_->OnReadDone(parsed);  // gRPC ends a stream whose bytes are no message
    settle();
    return true;
  }
  // The peer goes away; the reactor is gone afterwards.
  void end() {
    if (incoming_ != nullptr) {
      incoming_ = nullptr;
      reactor_->OnReadDone(false);
    }
    settle();
    HEARTH_CHECK(finished_.has_value(), "a stream that ended is not finished");
    reactor_->OnDone();
  }
  [[nodiscard]] const std::optional<grpc::Status>& finished() const { return finished_; }
  [[nodiscard]] const std::vector<Down>& written() const { return written_; }

  void Finish(grpc::Status status) override {
    HEARTH_CHECK(!finished_, "a stream is finished twice");
    finished_ = std::move(status);
  }
  void SendInitialMetadata() override {}
  void Read(Up* message) override { incoming_ = message; }
  void Write(const Down* message, grpc::WriteOptions /*options*/) override {
    HEARTH_CHECK(!writing_ && !finished_, "two writes at once, or one behind the end");
    writing_ = true;
    written_.push_back(*message);
  }
  void WriteAndFinish(const Down* /*message*/, grpc::WriteOptions /*options*/,
                      grpc::Status status) override {
    Finish(std::move(status));
  }

 private:
  grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}
  void settle() {
    while (writing_) {
      writing_ = false;
      reactor_->OnWriteDone(true);
    }
  }

  Reactor* reactor_;
  Up* incoming_ = nullptr;
  bool writing_ = false;
  std::optional<grpc::Status> finished_;
  std::vector<Down> written_;
};

// What reaches the controller must be within the limits it relies on.
class CheckingApi final : public api::AgentApi {
 public:
  std::uint64_t open(AgentInfo info, std::vector<core::HeldAttempt> held,
                     std::shared_ptr<api::AgentConnection> connection) override {
    HEARTH_CHECK(check_agent_info(info).has_value(), "an agent that was not checked");
    HEARTH_CHECK(++opened_ == 1, "two hellos on one stream");
    agent_ = info.id;
    const std::string bytes = wire::encode_agent_record({.info = std::move(info)});
    HEARTH_CHECK(wire::decode_agent_record(bytes).has_value(), "an agent that cannot be stored");
    core::Welcome welcome{.agent = agent_, .link = kLink, .controller_epoch = 3};
    for (const core::HeldAttempt& attempt : held) {
      (attempt.finished ? welcome.keep : welcome.stop).push_back(attempt.key);
    }
    connection->welcome(welcome);
    connection_ = std::move(connection);
    return kLink;
  }
  void closed(std::uint64_t link, const AgentId& agent) override {
    check_speaker(link, agent);
    connection_.reset();
  }
  void heartbeat(std::uint64_t link, const AgentId& agent, AgentUsage /*usage*/) override {
    check_speaker(link, agent);
  }
  void draining(std::uint64_t link, const AgentId& agent) override { check_speaker(link, agent); }
  void started(std::uint64_t link, const AgentId& agent, const AttemptKey& key) override {
    check_speaker(link, agent);
    connection_->ack(key, false, true);
  }
  void finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                AttemptResult result) override {
    check_speaker(link, agent);
    HEARTH_CHECK(is_final(result.state), "an end that is none");
    for (const StreamKind stream : kStreamKinds) {
      HEARTH_CHECK(bytes_of(result, stream) >= 0, "a negative size");
    }
    HEARTH_CHECK(wire::decode_attempt_result(wire::encode_attempt_result(result)).value() == result,
                 "a result that cannot be stored");
    connection_->ack(key, true, true);
  }
  void progress(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                std::int32_t /*percent*/, std::string /*text*/) override {
    check_speaker(link, agent);
    connection_->stop(key);
  }
  Result<std::int64_t> output(const AgentId& /*agent*/, const AttemptKey& key, StreamKind stream,
                              std::int64_t offset, std::string_view bytes) override {
    HEARTH_CHECK(std::ranges::count(kStreamKinds, stream) == 1, "no such stream");
    HEARTH_CHECK(
        offset >= 0 && static_cast<std::int64_t>(bytes.size()) <= limits::kOutputChunkBytesMax,
        "a chunk out of bounds");
    if (key.epoch == 9) {
      return Error{.code = ErrorCode::FailedPrecondition, .message = "not current"};
    }
    return offset + static_cast<std::int64_t>(bytes.size());
  }
  Result<uploads::OpenUpload> open_upload(const AgentId& /*agent*/, const AttemptKey& /*key*/,
                                          const std::string& upload) override {
    return uploads::no_such_upload(upload);
  }
  void telemetry(std::uint64_t link, const AgentId& agent, TelemetryReport report) override {
    check_speaker(link, agent);
    v1::TelemetryReport again;
    wire::to_proto(report, again);
    HEARTH_CHECK(wire::to_model(again).value() == report, "a report that changes on its way");
    connection_->telemetry_wanted(limits::kTelemetryInterval);
  }
  void telemetry_answer(std::uint64_t link, std::uint64_t /*query*/,
                        Result<TelemetrySeries> series) override {
    HEARTH_CHECK(link == kLink, "an answer of nobody");
    for (std::size_t c = 0; series && c < series->values.size(); ++c) {
      HEARTH_CHECK(series->values[c].size() == series->ages.size(), "columns of unequal length");
    }
  }
  std::uint64_t controller_epoch() override { return 3; }

  static constexpr std::uint64_t kLink = 7;

 private:
  void check_speaker(std::uint64_t link, const AgentId& agent) const {
    HEARTH_CHECK(link == kLink && agent == agent_ && opened_ == 1, "a report of nobody");
  }

  int opened_ = 0;
  AgentId agent_;
  std::shared_ptr<api::AgentConnection> connection_;
};

struct World {
  hearth::testing::ManualClock clock;
  std::unique_ptr<Log> log = make_null_log();
  std::unique_ptr<api::Doorkeeper> keeper = api::testing::make_doorkeeper(clock, *log);
  agentlink::AgentLinkOptions options{.version = "0.1.0", .is_open = true};
  agentlink::Gate gate{*keeper, true};
};

std::string_view take_message(std::string_view& input) {
  std::size_t size = take_byte(input);
  size += 256U * take_byte(input);
  size = std::min(size, input.size());
  const std::string_view message = input.substr(0, size);
  input.remove_prefix(size);
  return message;
}

void check_control(World& world, std::string_view input) {
  agentlink::LinkTable table(4);
  CheckingApi api;
  agentlink::LinkCounts counts;
  agentlink::StreamDeps deps{api, world.options, table, world.gate, counts};
  grpc::CallbackServerContext context;
  Transport<v1::AgentMessage, v1::ControllerMessage> stream(
      agentlink::open_control_stream(deps, context));
  while (!input.empty() && stream.deliver(take_message(input))) {
  }
  if (!stream.written().empty()) {
    const v1::ControllerMessage& first = stream.written().front();
    HEARTH_CHECK(first.has_welcome() || first.has_reject(), "the first answer is another");
  }
  stream.end();
}

void check_output(World& world, std::string_view input) {
  agentlink::LinkTable table(4);
  table.add(CheckingApi::kLink, AgentId("a"));
  CheckingApi api;
  agentlink::LinkCounts counts;
  agentlink::StreamDeps deps{api, world.options, table, world.gate, counts};
  grpc::CallbackServerContext context;
  Transport<v1::OutputUp, v1::OutputDown> stream(agentlink::open_output_stream(deps, context));
  while (!input.empty() && stream.deliver(take_message(input))) {
  }
  stream.end();
}

}  // namespace

bool run(std::string_view input) {
  static const auto kept = std::make_unique<World>();
  World& world = *kept;
  static const std::unique_ptr<Log> log = make_null_log();
  static const wire::ProtobufLog quiet(*log);
  switch (take_byte(input)) {
    case 'c':
      check_control(world, input);
      break;
    case 'o':
      check_output(world, input);
      break;
    default:
      return false;  // not worth a place in the corpus
  }
  return true;
}

}  // namespace hearth::fuzz
