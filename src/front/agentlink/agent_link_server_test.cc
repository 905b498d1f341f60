// What peers that are no well-behaved agents get: a sentence and the end of their stream. Both ends
// together are tested in tests/link.
#include "front/agentlink/agent_link_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/testing/doorkeeper.h"
#include "api/testing/fake_agent_api.h"
#include "base/clock.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::front::agentlink {
namespace {

constexpr int kHeldAttemptsTooMany = 65'537;

class AgentLinkServerTest : public ::testing::Test {
 protected:
  void SetUp() override { start({.address = "127.0.0.1:0", .version = "1.4.2"}); }
  void start(AgentLinkOptions options) {
    options.is_open = true;
    auto started = AgentLinkServer::start(api_, *keeper_, options);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    stub_ = v1::AgentLink::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials()));
    control_ = stub_->Control(&control_context_);
    output_ = stub_->Output(&output_context_);
  }
  void TearDown() override { stop(); }
  void stop() {
    control_context_.TryCancel();
    output_context_.TryCancel();
    control_.reset();
    output_.reset();
    server_->stop();
  }

  static v1::AgentMessage hello() {
    v1::AgentMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol(1);
    hello.set_id("node-1");
    hello.set_version("1.4.0");
    hello.set_instance("i1");
    hello.set_incarnation("p1");
    hello.set_max_parallel_jobs(1);
    hello.mutable_capacity()->set_cpu_milli(1'000);
    hello.mutable_capacity()->set_memory_bytes(1 << 20);
    return message;
  }
  // Sends and returns what comes back; an empty message at the stream's end.
  v1::ControllerMessage answer(const v1::AgentMessage& message) {
    control_->Write(message);
    v1::ControllerMessage received;
    return control_->Read(&received) ? received : v1::ControllerMessage{};
  }
  std::uint64_t welcomed() {
    const v1::ControllerMessage welcome = answer(hello());
    EXPECT_TRUE(welcome.has_welcome());
    return welcome.welcome().link();
  }
  // Of an output stream that the server must end.
  grpc::Status end_of_output(const v1::OutputUp& message) {
    output_->Write(message);
    v1::OutputDown received;
    while (output_->Read(&received)) {
    }
    return output_->Finish();
  }
  static v1::OutputUp chunk(const std::string& agent, std::uint64_t link, std::size_t bytes) {
    v1::OutputUp message;
    message.set_agent(agent);
    message.set_link(link);
    message.add_chunks()->set_data(std::string(bytes, 'x'));
    message.mutable_chunks(0)->mutable_key()->set_job(1);
    return message;
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<api::Doorkeeper> keeper_ = api::testing::make_doorkeeper(clock_, *log_);
  api::testing::FakeAgentApi api_;
  std::unique_ptr<AgentLinkServer> server_;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  grpc::ClientContext control_context_;
  grpc::ClientContext output_context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> control_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::OutputUp, v1::OutputDown>> output_;
};

TEST_F(AgentLinkServerTest, WantsAHelloFirst) {
  v1::AgentMessage heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_EQ(answer(heartbeat).reject().code(), "protocol");
  v1::ControllerMessage more;
  EXPECT_FALSE(control_->Read(&more));
}

class HelloTimeoutTest : public AgentLinkServerTest {
 protected:
  void SetUp() override { start({.address = "127.0.0.1:0", .hello_timeout = Duration(100)}); }
};

TEST_F(HelloTimeoutTest, EndsAStreamOnWhichNoneComesAndNoOther) {
  grpc::ClientContext greeted_context;
  const auto greeted = stub_->Control(&greeted_context);
  v1::ControllerMessage received;
  greeted->Write(hello());
  ASSERT_TRUE(greeted->Read(&received));
  ASSERT_TRUE(received.has_welcome());
  grpc::ClientContext silent_context;
  const auto silent = stub_->Control(&silent_context);
  ASSERT_TRUE(silent->Read(&received));
  EXPECT_EQ(received.reject().code(), "protocol");
  EXPECT_NE(received.reject().message().find("kLinkHelloTimeout"), std::string::npos);
  EXPECT_FALSE(silent->Read(&received));
  // The time of the other, opened before it, is over as well.
  v1::AgentMessage draining;
  draining.mutable_draining();
  EXPECT_TRUE(greeted->Write(draining));
  EXPECT_TRUE(api_.wait_for([](const auto& state) { return state.draining > 0; }));
  greeted_context.TryCancel();
  (void)greeted->Finish();
}

TEST_F(AgentLinkServerTest, RefusesASecondHello) {
  welcomed();
  EXPECT_EQ(answer(hello()).reject().code(), "protocol");
  EXPECT_TRUE(api_.wait_for([](const auto& state) { return state.links.at(1).closed; }));
}

TEST_F(AgentLinkServerTest, NamesAProtocolItDoesNotSpeak) {
  v1::AgentMessage message = hello();
  message.mutable_hello()->set_protocol(2);
  const v1::ControllerMessage reply = answer(message);
  EXPECT_EQ(reply.reject().code(), "protocol");
  EXPECT_NE(reply.reject().message().find("version 2"), std::string::npos);
}

TEST_F(AgentLinkServerTest, RefusesAnAgentOfAVersionTooFarAway) {
  v1::AgentMessage message = hello();
  message.mutable_hello()->set_version("1.2.0");
  const v1::ControllerMessage reply = answer(message);
  EXPECT_EQ(reply.reject().code(), "version");
  EXPECT_NE(reply.reject().message().find("upgrade the agent"), std::string::npos)
      << reply.reject().message();
}

TEST_F(AgentLinkServerTest, WelcomesTheNextMinorVersionWithWhatItAdds) {
  v1::AgentMessage message = hello();
  message.mutable_hello()->set_version("1.5.0");
  // Field 1000, a varint, in the message and in the hello.
  for (google::protobuf::Message* part :
       {static_cast<google::protobuf::Message*>(&message),
        static_cast<google::protobuf::Message*>(message.mutable_hello())}) {
    part->GetReflection()->MutableUnknownFields(part)->AddVarint(1'000, 7);
  }
  EXPECT_TRUE(answer(message).has_welcome());
  v1::AgentMessage of_a_later_kind;
  of_a_later_kind.GetReflection()->MutableUnknownFields(&of_a_later_kind)->AddVarint(1'000, 7);
  control_->Write(of_a_later_kind);
  v1::AgentMessage heartbeat;
  heartbeat.mutable_heartbeat()->set_memory_bytes(42);
  control_->Write(heartbeat);
  EXPECT_TRUE(api_.wait_for([](const auto& state) { return !state.heartbeats.empty(); }));
}

TEST_F(AgentLinkServerTest, BoundsTheAttemptsOfAHello) {
  v1::AgentMessage message = hello();
  for (int i = 0; i < kHeldAttemptsTooMany; ++i) {
    message.mutable_hello()->add_held();
  }
  EXPECT_NE(answer(message).reject().message().find("more attempts"), std::string::npos);
  EXPECT_TRUE(api_.state().links.empty());
}

TEST_F(AgentLinkServerTest, BoundsAMessage) {
  v1::AgentMessage message = hello();
  message.mutable_hello()->set_version(std::string(limits::kLinkMessageBytesMax, 'v'));
  EXPECT_FALSE(answer(message).has_welcome());
  EXPECT_TRUE(api_.state().links.empty());
}

TEST_F(AgentLinkServerTest, RefusesAResultThatNobodyCanMean) {
  welcomed();
  v1::AgentMessage message;
  message.mutable_finished()->mutable_result()->set_state(99);
  EXPECT_TRUE(answer(message).has_reject());
  EXPECT_TRUE(api_.state().finished.empty());
}

TEST_F(AgentLinkServerTest, TakesOutputOnlyForAnOpenLink) {
  const std::uint64_t link = welcomed();
  EXPECT_EQ(end_of_output(chunk("node-2", link, 1)).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(api_.state().chunks, 0);
}

TEST_F(AgentLinkServerTest, BoundsAChunk) {
  const std::uint64_t link = welcomed();
  EXPECT_EQ(end_of_output(chunk("node-1", link, limits::kOutputChunkBytesMax + 1)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(api_.state().chunks, 0);
}

TEST_F(AgentLinkServerTest, RefusesAStreamThatIsNone) {
  const std::uint64_t link = welcomed();
  v1::OutputUp message = chunk("node-1", link, 1);
  message.mutable_chunks(0)->set_stream(kStreamCount);
  EXPECT_EQ(end_of_output(message).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AgentLinkServerTest, SaysWhyItsStorageTakesNoOutput) {
  const std::uint64_t link = welcomed();
  api_.change([](auto& state) { state.output_error = unavailable("the disk is full"); });
  const grpc::Status status = end_of_output(chunk("node-1", link, 1));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the disk is full");
}

}  // namespace
}  // namespace hearth::front::agentlink
