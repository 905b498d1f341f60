// Output goes up byte for byte, and a peer that takes or sends too much is cut off.
#include "link_fixture.h"

namespace hearth {
namespace {

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

TEST_F(AgentLinkTest, ResultsTravelBesideTheOutput) {
  serve();
  TestAgent agent(address_);
  agent.start();
  const OutputStreamKey results{key(1), StreamKind::Results};
  const std::string tar(3 << 20, 't');
  agent.write(results, tar);
  agent.write(out(1), "beside");
  ASSERT_TRUE(agent.until([&] { return received(results).size() == tar.size(); }));
  EXPECT_EQ(received(results), tar);
  ASSERT_TRUE(agent.until([&] { return received(out(1)) == "beside"; }));
}

TEST_F(AgentLinkTest, RefusesAStreamThatThereIsNot) {
  serve();
  TestAgent strange(address_);
  strange.start();
  strange.write({key(1), static_cast<StreamKind>(7)}, "what is this");
  ASSERT_TRUE(strange.until([&] { return server_->stats().chunks_received >= 2; }));
  EXPECT_EQ(api_.state().chunks, 0) << "neither at first nor when it tries again";
  TestAgent agent(address_);
  agent.info_.id = AgentId("node-2");
  agent.start();
  agent.write(out(2), "fine");
  EXPECT_TRUE(agent.until([&] { return received(out(2)) == "fine"; }));
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

}  // namespace
}  // namespace hearth
