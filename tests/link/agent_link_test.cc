// A link comes up, carries orders and reports, breaks and comes back.
#include "link_fixture.h"

namespace hearth {
namespace {

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

TEST_F(AgentLinkTest, BeatsAsOftenAsItIsToldAndSaysSo) {
  serve({.address = "127.0.0.1:0", .heartbeat_interval = std::chrono::hours(1)});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() == 1; }));
  EXPECT_EQ(api_.state().heartbeats[0].heartbeat_interval, std::chrono::hours(1));
  api_.connection()->heartbeat_wanted(std::chrono::minutes(30));
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() == 2; }));
  EXPECT_EQ(api_.state().heartbeats[1].heartbeat_interval, std::chrono::minutes(30));
  EXPECT_EQ(api_.state().heartbeats[1].cpu_percent, 12.5);
  api_.connection()->heartbeat_wanted(Duration(5));
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() >= 5; }));
  EXPECT_EQ(api_.state().heartbeats.back().heartbeat_interval, Duration(5));
}

TEST_F(AgentLinkTest, ANewLinkBeatsAsTheWelcomeSays) {
  serve({.address = port_.address(), .heartbeat_interval = std::chrono::hours(1)});
  TestAgent agent(address_);
  agent.start();
  ASSERT_TRUE(agent.until_order<agent::LinkUp>());
  api_.connection()->heartbeat_wanted(std::chrono::minutes(30));
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() == 2; }));
  api_.connection()->reject(Error{.code = ErrorCode::Unavailable, .message = "connect anew"});
  ASSERT_TRUE(until(agent, [](const State& state) { return state.heartbeats.size() == 3; }));
  EXPECT_EQ(api_.state().heartbeats[2].heartbeat_interval, std::chrono::hours(1));
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
