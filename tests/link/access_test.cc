// Who gets in over the agent link: the real server and the real agent's link, with tokens.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/link/grpc_link.h"
#include "api/testing/doorkeeper.h"
#include "api/testing/fake_agent_api.h"
#include "base/clock.h"
#include "base/testing/manual_clock.h"
#include "base/testing/recording_log.h"
#include "front/agentlink/agent_link_server.h"
#include "front/agentlink/gate.h"
#include "hearth/agent_link.grpc.pb.h"

namespace hearth::front::agentlink {
namespace {

using api::testing::FakeAgentApi;
using api::testing::make_client_token;
using api::testing::make_join_token;
using api::testing::revoke_token;

class NoUsage final : public agent::MachineUsage {
 public:
  AgentUsage read() override { return {}; }
};

// An agent with nothing but its link.
class Peer final : public agent::LinkListener, public agent::OutputSource {
 public:
  Peer(std::string controller, std::string id, agent::LinkCredential credential) {
    loop_ = std::move(agent::EventLoop::create(clock_)).value();
    link_ = agent::make_grpc_link({*loop_, *log_, usage_, *this},
                                  {.controller = std::move(controller),
                                   .seed = 1,
                                   .reconnect_initial = Duration(10),
                                   .reconnect_max = Duration(50),
                                   .reconnect_refused = std::chrono::hours(1),
                                   .credential = std::move(credential)});
    info_.id = AgentId(std::move(id));
    info_.instance = "instance";
    info_.incarnation = "incarnation";
    info_.capacity = {.cpu_milli = 1'000, .memory_bytes = 1 << 30, .gpus = 0, .named = {}};
    info_.max_parallel_jobs = 1;
    link_->start(*this);
  }
  ~Peer() override { link_.reset(); }

  agent::LinkHello hello() override { return {info_, {}, 0}; }
  void on_order(const agent::AgentCommand& order) override {
    ups += std::holds_alternative<agent::LinkUp>(order) ? 1 : 0;
    downs += std::holds_alternative<agent::LinkDown>(order) ? 1 : 0;
  }
  void on_assign(agent::AssignOrder /*order*/) override {}
  void on_rejected(const Error& error) override { rejections.push_back(error); }
  void on_telemetry_wanted(Duration /*interval*/) override {}
  void on_telemetry_query(std::uint64_t /*id*/, const TelemetryQuery& /*query*/) override {}
  void on_beat() override {}
  output::LogSlice read_output(const agent::OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t /*max*/) override {
    return {offset, "", offset};
  }

  // Turns the loop until `condition` holds; false after ten seconds.
  bool until(const std::function<bool()>& condition) {
    const auto deadline = clock_.monotonic_ns() + std::int64_t{10'000'000'000};
    while (!condition()) {
      if (clock_.monotonic_ns() > deadline) {
        return false;
      }
      loop_->run_once(Duration(5));
    }
    return true;
  }
  bool until_up() {
    return until([this] { return ups > 0 || !rejections.empty(); }) && ups > 0;
  }
  std::string refusal() {
    return until([this] { return !rejections.empty(); }) ? rejections.front().message : "";
  }

  int ups = 0;
  int downs = 0;
  std::vector<Error> rejections;

 private:
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  NoUsage usage_;
  AgentInfo info_;
  std::unique_ptr<agent::EventLoop> loop_;
  std::unique_ptr<agent::ControllerLink> link_;
};

class LinkAccessTest : public ::testing::Test {
 protected:
  LinkAccessTest() { serve(false); }

  void serve(bool is_open) {
    server_.reset();
    auto started = AgentLinkServer::start(
        api_, *keeper_,
        {.address = "127.0.0.1:0", .heartbeat_interval = Duration(5), .is_open = is_open});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    address_ = "127.0.0.1:" + std::to_string(server_->port());
    stub_ =
        v1::AgentLink::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  }
  // Like an agent does at its first start with `join`.
  static agent::LinkCredential new_credential(const api::MadeToken& join, char digit = '5') {
    const std::string hex(2 * auth::kTokenIdRandomBytes, digit);
    const std::string secret(2 * auth::kTokenSecretBytes, digit);
    return {.token = token_text(auth::make_token_id(auth::TokenKind::Agent, hex), secret),
            .join_token = join.text,
            .is_new = true};
  }
  static void sign(grpc::ClientContext& context, const std::optional<std::string>& token) {
    if (token) {
      context.AddMetadata("authorization", "Bearer " + *token);
    }
  }
  // How a call of `method` that says nothing ends.
  grpc::Status call(const std::string& method, const std::optional<std::string>& token) {
    grpc::ClientContext context;
    sign(context, token);
    if (method == "Control") {
      const auto stream = stub_->Control(&context);
      stream->WritesDone();
      return stream->Finish();
    }
    if (method == "Output") {
      const auto stream = stub_->Output(&context);
      stream->WritesDone();
      return stream->Finish();
    }
    if (method == "FetchUpload") {
      v1::UploadRequest request;
      request.set_agent("a");
      v1::UploadPiece piece;
      const auto stream = stub_->FetchUpload(&context, request);
      while (stream->Read(&piece)) {
      }
      const grpc::Status status = stream->Finish();
      // It was let in, and there is no link that it could speak for.
      return status.error_code() == grpc::StatusCode::UNAVAILABLE ? grpc::Status::OK : status;
    }
    v1::JoinRequest request;
    request.set_agent("joining");
    request.set_credential("a777777777777");
    request.set_secret_sha256(std::string(32, 'h'));
    v1::JoinReply reply;
    return stub_->Join(&context, request, &reply);
  }

  hearth::testing::ManualClock clock_;  // the doorkeeper's
  hearth::testing::RecordingLog log_;
  FakeAgentApi api_;
  std::unique_ptr<api::Doorkeeper> keeper_ = api::testing::make_doorkeeper(clock_, log_);
  std::unique_ptr<AgentLinkServer> server_;
  std::unique_ptr<v1::AgentLink::Stub> stub_;
  std::string address_;
};

// Made of the service's own description: a new method is in it by itself.
TEST_F(LinkAccessTest, EveryMethodTakesExactlyTheCredentialsItNeeds) {
  const auto credentials = api::testing::every_credential(*keeper_, clock_);
  const google::protobuf::ServiceDescriptor* service =
      v1::JoinRequest::descriptor()->file()->FindServiceByName("AgentLink");
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string method(service->method(i)->name());
    const auto need = need_of(method);
    ASSERT_TRUE(need) << method << " has no row in the table of needs";
    ASSERT_NE(*need, auth::Need::Nothing) << method;
    for (const auto& [name, text] : credentials) {
      const grpc::Status status = call(method, text);
      const std::string what = method + " with " + name + ": " + status.error_message();
      const auto caller = text ? keeper_->identify(*text) : Result<auth::Caller>(Error{});
      const bool granted =
          caller && (*need == auth::Need::Join ? caller->kind == auth::TokenKind::Join
                                               : auth::grants(caller->scopes, *need));
      if (granted) {
        EXPECT_TRUE(status.ok()) << what;
      } else if (caller) {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << what;
        EXPECT_NE(status.error_message().find(to_string(*need)), std::string::npos) << what;
      } else {
        // The eleventh bad one of an address within a minute.
        EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
                    (text && status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED))
            << what;
      }
    }
  }
  EXPECT_NE(log_.text().find("AgentLink/Control"), std::string::npos);
  EXPECT_NE(log_.text().find("peer=127.0.0.1"), std::string::npos) << log_.text();
}

TEST_F(LinkAccessTest, AnOpenDoorAsksNobodyAndJoinsAllTheSame) {
  serve(true);
  Peer bare(address_, "a", {});
  EXPECT_TRUE(bare.until_up());
  Peer joining(address_, "b", new_credential(make_join_token(*keeper_)));
  EXPECT_TRUE(joining.until_up());
  EXPECT_EQ(call("Join", "garbage").error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(LinkAccessTest, AnAgentJoinsOnceAndComesBackWithItsOwnCredential) {
  const api::MadeToken join = make_join_token(*keeper_);
  agent::LinkCredential credential = new_credential(join);
  {
    Peer first(address_, "a", credential);
    EXPECT_TRUE(first.until_up()) << first.refusal();
  }
  credential.is_new = false;
  credential.join_token.clear();
  Peer again(address_, "a", credential);
  EXPECT_TRUE(again.until_up());
  Peer other(address_, "b", new_credential(join, '6'));
  EXPECT_NE(other.refusal().find("was used already (1 of 1 times)"), std::string::npos)
      << other.refusal();
  const std::string log = log_.text();
  EXPECT_EQ(log.find(std::string(16, '5') + std::string(16, '5')), std::string::npos) << log;
  EXPECT_EQ(log.find(auth::parse_token(join.text)->secret), std::string::npos) << log;
}

TEST_F(LinkAccessTest, AnAgentKilledBeforeItsJoinWasAnsweredJoinsAtItsNextStart) {
  agent::LinkCredential kept = new_credential(make_join_token(*keeper_));
  kept.is_new = false;  // it was drawn and kept by the start before
  Peer agent(address_, "a", kept);
  EXPECT_TRUE(agent.until_up()) << agent.refusal();
}

TEST_F(LinkAccessTest, WithoutAGoodTokenAnAgentIsToldWhatToDo) {
  Peer bare(address_, "a", {});
  EXPECT_NE(bare.refusal().find("scope agent"), std::string::npos) << bare.refusal();
  EXPECT_NE(bare.refusal().find("HEARTH_TOKEN"), std::string::npos) << bare.refusal();
  Peer reader(address_, "a", {.token = make_client_token(*keeper_, {auth::Scope::Read}).text});
  EXPECT_NE(reader.refusal().find("scope read"), std::string::npos) << reader.refusal();
  EXPECT_EQ(api_.state().links.size(), 0U);
}

TEST_F(LinkAccessTest, ACredentialSpeaksForItsOwnAgentOnly) {
  const agent::LinkCredential credential = new_credential(make_join_token(*keeper_));
  {
    Peer own(address_, "a", credential);
    ASSERT_TRUE(own.until_up());
  }
  Peer other(address_, "b", {.token = credential.token});
  EXPECT_NE(other.refusal().find("is for agent \"a\", not \"b\""), std::string::npos)
      << other.refusal();
  grpc::ClientContext context;
  sign(context, credential.token);
  const auto stream = stub_->Output(&context);
  v1::OutputUp chunk;
  chunk.set_agent("b");
  chunk.set_link(1);
  stream->Write(chunk);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(log_.text().find("is for agent"), std::string::npos);
}

TEST_F(LinkAccessTest, ARevokedAgentIsCutOffAtOnceAndDoesNotHammer) {
  const agent::LinkCredential credential = new_credential(make_join_token(*keeper_));
  Peer agent(address_, "a", credential);
  ASSERT_TRUE(agent.until_up());
  revoke_token(*keeper_, auth::parse_token(credential.token)->id);
  EXPECT_TRUE(agent.until([&] { return agent.downs == 1; }));
  EXPECT_NE(agent.refusal().find("revoked"), std::string::npos) << agent.refusal();
  const std::int64_t refused = keeper_->refused();
  Peer other(address_, "b", new_credential(make_join_token(*keeper_), '6'));
  ASSERT_TRUE(other.until_up());
  EXPECT_TRUE(agent.until([] { return true; }));
  EXPECT_LE(keeper_->refused(), refused + 1) << "it waits before it asks again";
  EXPECT_EQ(agent.ups, 1);
}

TEST_F(LinkAccessTest, AnExpiredTokenEndsItsLinkAtTheNextHeartbeat) {
  auth::NewToken brief;
  brief.scopes = {auth::Scope::Agent};
  brief.expires_at = clock_.now() + Duration(1);
  Peer agent(address_, "a", {.token = api::testing::make_token(*keeper_, brief).text});
  ASSERT_TRUE(agent.until_up());
  clock_.advance(Duration(1));
  EXPECT_TRUE(agent.until([&] { return agent.downs == 1; }));
  EXPECT_NE(agent.refusal().find("expired"), std::string::npos) << agent.refusal();
}

TEST(PeerAddressTest, IsWithoutSchemeAndPort) {
  EXPECT_EQ(address_of_peer("ipv4:127.0.0.1:1234"), "127.0.0.1");
  EXPECT_EQ(address_of_peer("ipv6:%5B::1%5D:1234"), "::1");
  EXPECT_EQ(address_of_peer("ipv6:[fe80::1]:1234"), "fe80::1");
  EXPECT_EQ(address_of_peer("unix"), "unix");
}

}  // namespace
}  // namespace hearth::front::agentlink
