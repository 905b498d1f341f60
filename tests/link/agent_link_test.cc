// Both ends of the agent link over loopback: front/agentlink's server with a fake controller behind
// it, agent/link's client with a test in the place of the agent.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "agent/link/grpc_link.h"
#include "api/testing/doorkeeper.h"
#include "api/testing/fake_agent_api.h"
#include "base/clock.h"
#include "base/testing/lasting_address.h"
#include "front/agentlink/agent_link_server.h"
#include "tls/testing/test_certificates.h"

namespace hearth {
namespace {

using agent::OutputStreamKey;
using api::testing::FakeAgentApi;
using front::agentlink::AgentLinkOptions;
using front::agentlink::AgentLinkServer;
using State = FakeAgentApi::State;

AttemptKey key(std::uint64_t job) {
  return {.job = JobId(job), .attempt = 1, .epoch = 1};
}

OutputStreamKey out(std::uint64_t job) {
  return {key(job), StreamKind::Stdout};
}

AgentInfo info() {
  AgentInfo info;
  info.id = AgentId("node-1");
  info.instance = "i1";
  info.incarnation = "p1";
  info.labels = {{"zone", "a"}};
  info.capacity = {.cpu_milli = 2'000, .memory_bytes = 1 << 30, .gpus = 0, .named = {}};
  return info;
}

class FixedUsage final : public agent::MachineUsage {
 public:
  AgentUsage read() override { return {.cpu_percent = 12.5, .memory_bytes = 4'096}; }
};

// What was logged, for the sentences that only the log has.
class KeptLog final : public Log {
 public:
  explicit KeptLog(std::string& lines) : Log(LogLevel::Warn), lines_(lines) {}

 private:
  void write(LogLevel /*level*/, std::string_view message, LogFields fields) override {
    lines_ += format_text_line(message, fields) + "\n";
  }
  std::string& lines_;
};

// The agent: its loop runs only inside `until`, on the test's thread.
class TestAgent final : public agent::LinkListener, public agent::OutputSource {
 public:
  explicit TestAgent(std::string controller, std::optional<tls::ClientFiles> tls = {}) {
    loop_ = std::move(agent::EventLoop::create(clock_)).value();
    link_ =
        agent::make_grpc_link({*loop_, *log_, usage_, *this}, {.controller = std::move(controller),
                                                               .tls = std::move(tls),
                                                               .seed = 1,
                                                               .reconnect_initial = Duration(10),
                                                               .reconnect_max = Duration(50)});
  }
  ~TestAgent() override { link_.reset(); }

  agent::LinkHello hello() override { return {info_, held, epoch_seen}; }
  void on_order(const agent::AgentCommand& order) override { orders.push_back(order); }
  void on_assign(agent::AssignOrder order) override { assigned.push_back(std::move(order)); }
  void on_rejected(const Error& error) override { rejections.push_back(error); }
  void on_telemetry_wanted(Duration interval) override { wanted.push_back(interval); }
  void on_telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    asked.emplace_back(id, query);
  }
  void on_beat() override { ++beats; }
  output::LogSlice read_output(const OutputStreamKey& stream, std::int64_t offset,
                               std::int64_t max) override {
    std::string part =
        streams[stream].substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(max));
    const auto end = offset + static_cast<std::int64_t>(part.size());
    return {offset, std::move(part), end};
  }

  void write(const OutputStreamKey& stream, const std::string& bytes) {
    streams[stream] += bytes;
    link().output_grew(stream, static_cast<std::int64_t>(streams[stream].size()));
  }

  // Turns the loop until `condition` holds; false after ten seconds.
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = clock_.monotonic_ns() + std::int64_t{10'000'000'000};
    while (!condition()) {
      if (clock_.monotonic_ns() > deadline) {
        return false;
      }
      loop_->run_once(Duration(5));
    }
    return true;
  }
  template <class Order>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        orders.begin(), orders.end(),
        [](const agent::AgentCommand& order) { return std::holds_alternative<Order>(order); }));
  }
  template <class Order>
  bool until_order(std::size_t times = 1) {
    return until([this, times] { return count<Order>() >= times; });
  }
  template <class Order>
  [[nodiscard]] Order last() const {
    for (auto order = orders.rbegin(); order != orders.rend(); ++order) {
      if (const auto* found = std::get_if<Order>(&*order)) {
        return *found;
      }
    }
    return {};
  }

  void start() { link_->start(*this); }
  agent::ControllerLink& link() { return *link_; }
  void cut() { link_.reset(); }

  AgentInfo info_ = info();
  std::vector<agent::HeldState> held;
  std::uint64_t epoch_seen = 0;
  std::vector<agent::AgentCommand> orders;
  std::vector<agent::AssignOrder> assigned;
  std::vector<Error> rejections;
  std::vector<Duration> wanted;
  std::vector<std::pair<std::uint64_t, TelemetryQuery>> asked;
  int beats = 0;
  std::string log_lines;
  std::map<OutputStreamKey, std::string> streams;

 private:
  SystemClock clock_;
  std::unique_ptr<Log> log_ = std::make_unique<KeptLog>(log_lines);
  FixedUsage usage_;
  std::unique_ptr<agent::EventLoop> loop_;
  std::unique_ptr<agent::ControllerLink> link_;
};

class AgentLinkTest : public ::testing::Test {
 protected:
  void serve(AgentLinkOptions options = {.address = hearth::testing::lasting_address()}) {
    options.is_open = true;
    auto started = AgentLinkServer::start(api_, *keeper_, std::move(options));
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    address_ = "127.0.0.1:" + std::to_string(server_->port());
  }
  bool until(TestAgent& agent, const std::function<bool(const State&)>& condition) {
    return agent.until([&] { return condition(api_.state()); });
  }
  std::string received(const OutputStreamKey& stream) {
    return api_.state().output[{stream.attempt, stream.stream}];
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  FakeAgentApi api_;
  std::unique_ptr<api::Doorkeeper> keeper_ = api::testing::make_doorkeeper(clock_, *log_);
  std::unique_ptr<AgentLinkServer> server_;
  std::string address_;
};

TEST_F(AgentLinkTest, SaysHelloAndIsWelcomed) {
  serve();
  api_.change([](State& state) {
    state.epoch = 7;
    state.keep = {key(1)};
    state.stop = {key(2)};
  });
  TestAgent agent(address_);
  agent.held = {{key(1), true, false}, {key(2), true, true}};
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  EXPECT_EQ(agent.last<agent::LinkUp>().controller_epoch, 7U);
  EXPECT_EQ(agent.last<agent::LinkUp>().keep, std::vector{key(1)});
  EXPECT_EQ(agent.last<agent::LinkUp>().stop, std::vector{key(2)});
  const State state = api_.state();
  ASSERT_EQ(state.links.size(), 1U);
  const FakeAgentApi::Link& link = state.links.begin()->second;
  EXPECT_EQ(link.info, info());
  ASSERT_EQ(link.held.size(), 2U);
  EXPECT_EQ(link.held[1].key, key(2));
  EXPECT_TRUE(link.held[1].finished);
}

TEST_F(AgentLinkTest, BeatsWithTheMachinesUsage) {
  serve({.address = "127.0.0.1:0", .heartbeat_interval = Duration(5)});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() >= 3; }));
  EXPECT_EQ(api_.state().heartbeats.back().cpu_percent, 12.5);
  EXPECT_EQ(api_.state().heartbeats.back().memory_bytes, 4'096);
}

TEST_F(AgentLinkTest, CarriesOrdersDownAndReportsUp) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  const auto connection = api_.connection();
  connection->assign(key(1), std::string("spec\0bytes", 10), "secret");
  connection->cancel(key(2));
  connection->stop(key(3));
  connection->ack(key(4), true, false);
  connection->drain();
  ASSERT_TRUE(agent.until_order<agent::DrainOrder>());
  ASSERT_EQ(agent.assigned.size(), 1U);
  EXPECT_EQ(agent.assigned[0].key, key(1));
  EXPECT_EQ(agent.assigned[0].spec, std::string("spec\0bytes", 10));
  EXPECT_EQ(agent.assigned[0].secrets, "secret");
  EXPECT_EQ(agent.last<agent::CancelOrder>().key, key(2));
  EXPECT_EQ(agent.last<agent::StopOrder>().key, key(3));
  EXPECT_TRUE(agent.last<agent::ReportAcked>().finished);
  EXPECT_FALSE(agent.last<agent::ReportAcked>().accepted);

  AttemptResult result;
  result.state = JobState::Failed;
  result.reason = Reason::ExitNonzero;
  result.exit_code = 3;
  result.stdout_bytes = 12;
  agent.link().report_started(key(1));
  agent.link().report_finished(key(1), result);
  agent.link().say_draining();
  ASSERT_TRUE(until(agent, [](const State& state) { return state.draining == 1; }));
  EXPECT_EQ(api_.state().started, std::vector{key(1)});
  EXPECT_EQ(api_.state().finished[key(1)], result);
}

// What waits for a write goes together with what is before it.
TEST_F(AgentLinkTest, ManyMessagesAtOnceKeepTheirOrder) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  constexpr std::uint64_t kMany = 2'000;
  const std::string spec(1'000, 's');  // in all well beyond one batch
  const auto connection = api_.connection();
  for (std::uint64_t job = 1; job <= kMany; ++job) {
    connection->assign(key(job), spec, "");
    connection->ack(key(job), true, true);
    agent.link().report_started(key(job));
  }
  ASSERT_TRUE(agent.until_order<agent::ReportAcked>(kMany));
  ASSERT_TRUE(until(agent, [](const State& state) { return state.started.size() == kMany; }));
  ASSERT_EQ(agent.assigned.size(), kMany);
  const State state = api_.state();
  for (std::uint64_t job = 1; job <= kMany; ++job) {
    EXPECT_EQ(agent.assigned[job - 1].key, key(job));
    EXPECT_EQ(agent.assigned[job - 1].spec.size(), spec.size());
    EXPECT_EQ(state.started[job - 1], key(job));
    EXPECT_EQ(std::get<agent::ReportAcked>(agent.orders[job]).key, key(job));
  }
}

TEST_F(AgentLinkTest, RefusesAnImpossibleHelloWithASentence) {
  serve();
  const auto refused = [this](const std::function<void(AgentInfo&)>& spoil) {
    TestAgent agent(address_);
    spoil(agent.info_);
    agent.start();
    EXPECT_TRUE(agent.until([&] { return !agent.rejections.empty(); }));
    return agent.rejections.empty() ? Error{} : agent.rejections[0];
  };
  EXPECT_NE(refused([](AgentInfo& i) { i.id = AgentId("no spaces"); }).message.find("--id"),
            std::string::npos);
  EXPECT_NE(refused([](AgentInfo& i) { i.capacity.cpu_milli = 0; }).message.find("cpu_milli"),
            std::string::npos);
  EXPECT_EQ(refused([](AgentInfo& i) { i.capacity.memory_bytes = INT64_MAX; }).kind,
            "invalid_field");
  EXPECT_EQ(refused([](AgentInfo& i) { i.labels[std::string(300, 'x')] = "y"; }).kind,
            "invalid_field");
  EXPECT_EQ(refused([](AgentInfo& i) {
              for (int n = 0; n < 65; ++n) {
                i.labels[std::to_string(n)] = "y";
              }
            }).kind,
            "invalid_field");
  EXPECT_EQ(refused([](AgentInfo& i) { i.max_parallel_jobs = -1; }).kind, "invalid_field");
  EXPECT_TRUE(api_.state().links.empty());
}

TEST_F(AgentLinkTest, PassesTheControllersRefusalOnAndTriesAgain) {
  serve();
  api_.change([](State& state) {
    state.refusal = Error{.code = ErrorCode::AlreadyExists,
                          .message = "agent \"node-1\" is connected from elsewhere",
                          .kind = "agent_id_taken"};
  });
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  ASSERT_EQ(agent.rejections.size(), 1U);
  EXPECT_EQ(agent.rejections[0].kind, "agent_id_taken");
  EXPECT_EQ(agent.rejections[0].message, "agent \"node-1\" is connected from elsewhere");
}

TEST_F(AgentLinkTest, RefusesAControllerThatWasReplaced) {
  serve();
  TestAgent agent(address_);
  agent.epoch_seen = 2;  // the server's is 1
  agent.start();
  ASSERT_TRUE(agent.until([&] { return !agent.rejections.empty(); }));
  EXPECT_EQ(agent.rejections[0].kind, "stale_controller");
  EXPECT_EQ(agent.count<agent::LinkUp>(), 0U);
}

TEST_F(AgentLinkTest, DropsALinkWhoseEpochFellBack) {
  serve();
  api_.change([](State& state) { state.epoch = 5; });
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  api_.change([](State& state) { state.epoch = 4; });
  api_.connection()->cancel(key(1));
  ASSERT_TRUE(agent.until_order<agent::LinkDown>());
  EXPECT_EQ(agent.count<agent::CancelOrder>(), 0U);
}

TEST_F(AgentLinkTest, ComesBackWhenTheControllerDoes) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  const int port = server_->port();
  server_->stop();
  EXPECT_TRUE(api_.wait_for([](const State& state) { return state.links.at(1).closed; }));
  ASSERT_TRUE(agent.until_order<agent::LinkDown>());
  serve({.address = "127.0.0.1:" + std::to_string(port)});
  ASSERT_TRUE(agent.until_order<agent::LinkUp>(2));
}

TEST_F(AgentLinkTest, TellsTheControllerWhenAnAgentIsGone) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  agent.cut();
  EXPECT_TRUE(api_.wait_for([](const State& state) { return state.links.at(1).closed; }));
}

TEST_F(AgentLinkTest, CarriesOutputByteForByte) {
  serve();
  TestAgent agent(address_);
  agent.start();
  std::string big;
  for (int i = 0; big.size() < 3'000'000; ++i) {
    big += std::to_string(i) + std::string(1, '\0');
  }
  agent.write(out(1), "before the link");
  agent.write(out(2), big);
  agent.write({key(1), StreamKind::Stderr}, "\xff\xfe");
  ASSERT_TRUE(agent.until(
      [&] { return received(out(1)).size() == 15 && received(out(2)).size() == big.size(); }));
  EXPECT_EQ(received(out(1)), "before the link");
  EXPECT_EQ(received({key(1), StreamKind::Stderr}), "\xff\xfe");
  EXPECT_TRUE(received(out(2)) == big);
  EXPECT_EQ(api_.state().repeated, 0);
}

TEST_F(AgentLinkTest, SendsOutputAgainFromWhereARestartedControllerIs) {
  serve();
  TestAgent agent(address_);
  agent.start();
  std::string all;
  const auto write = [&](char letter) {
    all += std::string(100'000, letter);
    agent.write(out(1), std::string(100'000, letter));
  };
  write('a');
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == all; }));
  const int port = server_->port();
  server_->stop();
  // What it had only in memory is lost with it.
  api_.change([](State& state) { state.output.begin()->second.resize(40'000); });
  write('b');
  ASSERT_TRUE(agent.until_order<agent::LinkDown>());
  write('c');
  serve({.address = "127.0.0.1:" + std::to_string(port)});
  ASSERT_TRUE(agent.until([&] { return received(out(1)).size() == all.size(); }));
  EXPECT_TRUE(received(out(1)) == all);
}

TEST_F(AgentLinkTest, KeepsOutputWhileTheControllersStorageFails) {
  serve();
  api_.change([](State& state) { state.output_error = unavailable("disk full"); });
  TestAgent agent(address_);
  agent.start();
  agent.write(out(1), "kept");
  ASSERT_TRUE(until(agent, [](const State& state) { return state.chunks >= 3; }));
  api_.change([](State& state) { state.output_error.reset(); });
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == "kept"; }));
  EXPECT_EQ(agent.count<agent::LinkDown>(), 0U);  // the control stream never noticed
}

TEST_F(AgentLinkTest, GoesOnWithOtherStreamsWhenOneIsRefused) {
  serve({.address = "127.0.0.1:0", .heartbeat_interval = Duration(20)});
  api_.change([](State& state) {
    state.output_error = Error{.code = ErrorCode::FailedPrecondition, .message = "not current"};
  });
  TestAgent agent(address_);
  agent.start();
  agent.write(out(1), "stale");
  ASSERT_TRUE(until(agent, [](const State& state) { return state.chunks >= 1; }));
  api_.change([](State& state) { state.output_error.reset(); });
  agent.write(out(2), "fresh");
  ASSERT_TRUE(agent.until([&] { return received(out(2)) == "fresh"; }));
  // The refusal was not for ever: with the heartbeats it is tried again.
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == "stale"; }));
}

TEST_F(AgentLinkTest, CutsOffAnAgentThatDoesNotRead) {
  serve({.address = "127.0.0.1:0", .queue_bytes_max = 8 << 20});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  // The loop stands still from here on: gRPC's windows fill, then the queue.
  const auto connection = api_.connection();
  const std::string spec(1 << 20, 's');
  for (std::uint64_t job = 1; job <= 64; ++job) {
    connection->assign(key(job), spec, "");
  }
  EXPECT_TRUE(api_.wait_for([](const State& state) { return state.links.at(1).closed; }));
  ASSERT_TRUE(agent.until_order<agent::LinkUp>(2));
  const front::agentlink::LinkStats stats = server_->stats();
  EXPECT_EQ(stats.refused.at("link_queue_bytes_max"), 1U);
  EXPECT_EQ(stats.links, 2U);
  EXPECT_LE(stats.queue_bytes, 1 << 20) << "what waited went with the link";
}

TEST_F(AgentLinkTest, BoundsMessagesThatWaitForOneAgent) {
  serve({.address = "127.0.0.1:0", .queue_messages_max = 100});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  const auto connection = api_.connection();
  // Far more than 100 and than fits in the connection's own buffers.
  for (int i = 0; i < 1'000'000 && !api_.state().links.at(1).closed; i += 1'000) {
    for (int n = 0; n < 1'000; ++n) {
      connection->cancel(key(1));
    }
  }
  EXPECT_TRUE(api_.wait_for([](const State& state) { return state.links.at(1).closed; }));
  EXPECT_EQ(server_->stats().refused.at("link_queue_messages_max"), 1U);
}

TEST_F(AgentLinkTest, BoundsStreams) {
  serve({.address = "127.0.0.1:0", .streams_max = 2});
  TestAgent first(address_);
  first.start();
  first.write(out(1), "x");
  ASSERT_TRUE(first.until([&] { return received(out(1)) == "x"; }));
  TestAgent second(address_);
  second.info_.id = AgentId("node-2");
  second.start();
  second.until([&, turns = 0]() mutable { return ++turns > 20; });
  EXPECT_EQ(second.count<agent::LinkUp>(), 0U);
  EXPECT_GE(server_->stats().refused.at("link_streams_max"), 1U);
  EXPECT_EQ(server_->stats().streams, 2);
  first.cut();
  EXPECT_TRUE(second.until_order<agent::LinkUp>());
}

TEST_F(AgentLinkTest, NamesATakenPortAndWhatToDo) {
  serve();
  const auto taken = AgentLinkServer::start(api_, *keeper_, {.address = address_});
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find(address_), std::string::npos);
  EXPECT_NE(taken.error().message.find("--grpc"), std::string::npos);
}

TEST_F(AgentLinkTest, ListensOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0:0", "192.0.2.1:0", "nonsense", "127.0.0.1:", ":5",
                              "127.0.0.1:65536", "127.0.0.1:x", "[::]:0"}) {
    const auto started = AgentLinkServer::start(api_, *keeper_, {.address = address});
    ASSERT_FALSE(started) << address;
    EXPECT_EQ(started.error().code, ErrorCode::InvalidArgument) << address;
  }
}

class TlsLinkTest : public AgentLinkTest {
 protected:
  void serve_tls(bool wants_client_certificate = false) {
    identity_ = certificates_.identity(wants_client_certificate);
    serve({.address = "127.0.0.1:0", .tls = identity_.get()});
  }
  // What an agent logs that gets no link.
  std::string refusal(const std::optional<tls::ClientFiles>& files) {
    TestAgent agent(address_, files);
    agent.start();
    EXPECT_TRUE(agent.until([&] { return !agent.log_lines.empty(); }));
    EXPECT_EQ(agent.count<agent::LinkUp>(), 0U);
    return agent.log_lines;
  }
  [[nodiscard]] tls::ClientFiles trusting() const { return {.authority = certificates_.ca()}; }

  tls::testing::TestCertificates certificates_;
  std::unique_ptr<tls::ServerIdentity> identity_;
};

TEST_F(TlsLinkTest, CarriesBothStreams) {
  serve_tls();
  TestAgent agent(address_, trusting());
  agent.start();
  agent.write(out(1), "secret output");
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == "secret output"; })) << agent.log_lines;
}

TEST_F(TlsLinkTest, SaysWhyAControllerIsNotBelieved) {
  serve_tls();
  const tls::testing::TestCertificates others;
  EXPECT_NE(refusal(tls::ClientFiles{.authority = others.ca()})
                .find("the controller's certificate is not from the authority in " + others.ca()),
            std::string::npos);
  certificates_.server("server", {"example.org"});
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  const std::string name = refusal(trusting());
  EXPECT_NE(name.find("is for other names"), std::string::npos) << name;
  EXPECT_FALSE(refusal(std::nullopt).empty());  // plain to a port that speaks TLS
  server_->stop();
  serve();
  const std::string plain = refusal(trusting());
  EXPECT_NE(plain.find("does not speak TLS"), std::string::npos) << plain;
}

TEST_F(TlsLinkTest, ReadsItsFilesForEachConnection) {
  serve_tls();
  const std::string good = *read_file(certificates_.ca(), limits::kCertificateFileBytesMax);
  certificates_.write("ca.pem", "half-written");
  TestAgent agent(address_, trusting());
  agent.start();
  ASSERT_TRUE(agent.until([&] { return !agent.log_lines.empty(); }));
  EXPECT_NE(agent.log_lines.find("no readable certificate"), std::string::npos) << agent.log_lines;
  certificates_.write("ca.pem", good);
  EXPECT_TRUE(agent.until_order<agent::LinkUp>()) << agent.log_lines;
}

TEST_F(TlsLinkTest, ANewCertificateIsForNewLinks) {
  serve_tls();
  TestAgent old(address_, trusting());
  old.start();
  ASSERT_TRUE(old.until_order<agent::LinkUp>()) << old.log_lines;
  const tls::testing::TestCertificates others;
  for (const char* half : {"server.pem", "server.key"}) {
    certificates_.write(half, *read_file(others.path(half), limits::kCertificateFileBytesMax));
  }
  ASSERT_TRUE(identity_->reload() == tls::ServerIdentity::Reload::Replaced);
  TestAgent aware(address_, tls::ClientFiles{.authority = others.ca()});
  aware.info_.id = AgentId("node-2");
  aware.start();
  ASSERT_TRUE(aware.until_order<agent::LinkUp>()) << aware.log_lines;
  EXPECT_NE(refusal(trusting()).find("not from the authority"), std::string::npos);
  old.write(out(1), "still here");
  EXPECT_TRUE(old.until([&] { return received(out(1)) == "still here"; }));
  EXPECT_EQ(old.count<agent::LinkDown>(), 0U);
}

TEST_F(TlsLinkTest, WantsClientCertificatesWhenToldTo) {
  serve_tls(/*wants_client_certificate=*/true);
  EXPECT_FALSE(refusal(trusting()).empty());
  TestAgent agent(address_, certificates_.client("node"));
  agent.start();
  EXPECT_TRUE(agent.until_order<agent::LinkUp>()) << agent.log_lines;
}

TelemetryReport report_of(const std::string& worker, bool whole) {
  TelemetryReport report{.whole = whole, .workers = {}, .gone = {}, .machine = std::nullopt};
  report.workers.push_back({.info = {.id = WorkerId(worker),
                                     .runtime = "command",
                                     .key = "",
                                     .state = WorkerState::Busy,
                                     .jobs = {JobId(7)}},
                            .sample = {.cpu_percent = 12.5}});
  return report;
}

TEST_F(AgentLinkTest, CarriesTelemetryAndQuestionsAboutIt) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  EXPECT_GE(agent.beats, 1);
  agent.link().report_telemetry(report_of("w1", false));
  ASSERT_TRUE(until(agent, [](const State& state) { return !state.telemetry.empty(); }));
  EXPECT_EQ(api_.state().telemetry.front(), report_of("w1", false));

  api_.connection()->telemetry_wanted(Duration(2'000));
  api_.connection()->telemetry_query(5, {.worker = WorkerId("w1"), .points_max = 9});
  ASSERT_TRUE(agent.until([&] { return !agent.asked.empty(); }));
  EXPECT_EQ(agent.wanted, std::vector{Duration(2'000)});
  EXPECT_EQ(agent.asked.front().first, 5U);
  EXPECT_EQ(agent.asked.front().second.worker, WorkerId("w1"));
  EXPECT_EQ(agent.asked.front().second.points_max, 9);

  const TelemetrySeries series{.columns = {"pids"}, .ages = {Duration(3)}, .values = {{4.0}}};
  agent.link().answer_telemetry(5, series);
  agent.link().answer_telemetry(6, not_found("no such worker"));
  ASSERT_TRUE(until(agent, [](const State& state) { return state.answers.size() == 2; }));
  EXPECT_EQ(api_.state().answers.at(5).value(), series);
  EXPECT_EQ(api_.state().answers.at(6).error().message, "no such worker");
}

TEST_F(AgentLinkTest, OfReportsThatWaitOnlyWhatIsTrueIsSent) {
  serve();
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  for (int i = 0; i < 1'000; ++i) {
    agent.link().report_telemetry(report_of("w" + std::to_string(i), true));
  }
  ASSERT_TRUE(until(agent, [](const State& state) {
    return !state.telemetry.empty() && state.telemetry.back() == report_of("w999", true);
  }));
  EXPECT_LT(api_.state().telemetry.size(), 10U);
}

TEST_F(AgentLinkTest, StopsWhileAgentsAreConnectedAndSending) {
  serve();
  TestAgent agent(address_);
  agent.start();
  agent.write(out(1), std::string(2'000'000, 'x'));
  ASSERT_TRUE(agent.until([&] { return !received(out(1)).empty(); }));
  server_->stop();
  server_->stop();
  EXPECT_TRUE(api_.state().links.at(1).closed);
}

}  // namespace
}  // namespace hearth
