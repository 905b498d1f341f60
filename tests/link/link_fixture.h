// Both ends of the agent link over loopback: front/agentlink's server with a fake controller behind
// it, agent/link's client with a test in the place of the agent.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/link/grpc_link.h"
#include "agent/loop/event_loop.h"
#include "api/testing/doorkeeper.h"
#include "api/testing/fake_agent_api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/testing/held_port.h"
#include "front/agentlink/agent_link_server.h"

namespace hearth {

using agent::OutputStreamKey;
using api::testing::FakeAgentApi;
using front::agentlink::AgentLinkOptions;
using front::agentlink::AgentLinkServer;
using State = FakeAgentApi::State;

inline AttemptKey key(std::uint64_t job) {
  return {.job = JobId(job), .attempt = 1, .epoch = 1};
}

inline OutputStreamKey out(std::uint64_t job) {
  return {key(job), StreamKind::Stdout};
}

inline AgentInfo info() {
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
  void serve() { serve({.address = port_.address()}); }
  void serve(AgentLinkOptions options) {
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

  hearth::testing::HeldPort port_;
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  FakeAgentApi api_;
  std::unique_ptr<api::Doorkeeper> keeper_ = api::testing::make_doorkeeper(clock_, *log_);
  std::unique_ptr<AgentLinkServer> server_;
  std::string address_;
};

}  // namespace hearth
