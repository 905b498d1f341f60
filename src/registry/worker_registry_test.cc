#include "registry/worker_registry.h"

#include <gtest/gtest.h>

namespace hearth::registry {
namespace {

using std::chrono::seconds;

WorkerReport worker(const std::string& id, WorkerState state = WorkerState::Busy) {
  return {.info = {.id = WorkerId(id), .runtime = "command", .key = "", .state = state, .jobs = {}},
          .sample = {}};
}

TelemetryReport whole(std::vector<WorkerReport> workers) {
  return {.whole = true, .workers = std::move(workers), .gone = {}, .machine = std::nullopt};
}

class WorkerRegistryTest : public ::testing::Test {
 protected:
  Heard now() const { return {.at = time_from_ms(1'000'000) + elapsed_, .monotonic = elapsed_}; }
  void advance(Duration time) { elapsed_ += time; }
  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    registry_.each([&](const WorkerView& view) {
      ids.push_back(view.agent.value() + "/" + view.report.info.id.value());
    });
    return ids;
  }
  Changes report(const std::string& agent, TelemetryReport what) {
    return registry_.report(AgentId(agent), std::move(what), now());
  }

  WorkerRegistry registry_{
      {.worker_timeout = seconds(90), .workers_max = 4, .external_workers_max = 2}};
  Duration elapsed_{seconds(1'000)};
};

using Ids = std::vector<std::string>;

TEST_F(WorkerRegistryTest, AWholeReportDropsWhomItDoesNotName) {
  registry_.hello(AgentId("a"), "one", now());
  const Changes first = report("a", whole({worker("w1"), worker("w2")}));
  EXPECT_EQ(first.changed.size(), 2U);
  const Changes second = report("a", whole({worker("w2")}));
  EXPECT_TRUE(second.changed.empty());
  EXPECT_EQ(second.gone, (std::vector<WorkerKey>{{AgentId("a"), WorkerId("w1")}}));
  EXPECT_EQ(ids(), Ids{"a/w2"});
}

TEST_F(WorkerRegistryTest, APartialReportLeavesTheOthers) {
  report("a", whole({worker("w1"), worker("w2")}));
  const Changes changes = report("a", {.workers = {worker("w3")}, .gone = {WorkerId("w1")}});
  EXPECT_EQ(changes.changed.size(), 1U);
  EXPECT_EQ(changes.gone.size(), 1U);
  EXPECT_EQ(ids(), (Ids{"a/w2", "a/w3"}));
  EXPECT_EQ(registry_.size(), 2U);
}

TEST_F(WorkerRegistryTest, FiguresAloneAreNoChange) {
  WorkerReport one = worker("w1");
  report("a", whole({one}));
  one.sample.cpu_percent = 50;
  EXPECT_TRUE(report("a", whole({one})).empty());
  EXPECT_EQ(registry_.find({AgentId("a"), WorkerId("w1")})->report.sample.cpu_percent, 50.0);
  one.info.state = WorkerState::Stopping;
  EXPECT_EQ(report("a", whole({one})).changed.size(), 1U);
  one.sample.model = "m.gguf";
  EXPECT_EQ(report("a", whole({one})).changed.size(), 1U);
}

TEST_F(WorkerRegistryTest, ANewIncarnationHasNoneOfTheOldWorkers) {
  registry_.hello(AgentId("a"), "one", now());
  report("a", whole({worker("w1")}));
  EXPECT_TRUE(registry_.hello(AgentId("a"), "one", now()).empty());
  EXPECT_EQ(ids(), Ids{"a/w1"});
  EXPECT_EQ(registry_.hello(AgentId("a"), "two", now()).gone.size(), 1U);
  EXPECT_TRUE(ids().empty());
}

TEST_F(WorkerRegistryTest, SilentWorkersGoAfterTheTimeoutAndNotBefore) {
  report("a", whole({worker("w1")}));
  advance(seconds(50));
  report("b", whole({worker("w2")}));
  advance(seconds(39));
  EXPECT_TRUE(registry_.expire(elapsed_).empty());  // 89 s
  advance(seconds(2));
  EXPECT_EQ(registry_.expire(elapsed_).gone,
            (std::vector<WorkerKey>{{AgentId("a"), WorkerId("w1")}}));
  EXPECT_EQ(ids(), Ids{"b/w2"});
}

TEST_F(WorkerRegistryTest, WhoReportsSeldomIsKeptForThreeReports) {
  registry_.hello(AgentId("a"), "one", now());
  registry_.pace(AgentId("a"), seconds(60));
  registry_.pace(AgentId("nobody"), seconds(60));
  report("a", whole({worker("w1")}));
  report("b", whole({worker("w2")}));
  advance(seconds(179));
  registry_.expire(elapsed_);
  EXPECT_EQ(ids(), Ids{"a/w1"});
  registry_.hello(AgentId("a"), "one", now());  // says anew how often it beats
  registry_.expire(elapsed_);
  EXPECT_EQ(ids(), Ids{});
}

TEST_F(WorkerRegistryTest, WhenAWorkerStartedDoesNotWaver) {
  WorkerReport one = worker("w1");
  report("a", whole({one}));
  EXPECT_EQ(registry_.find({AgentId("a"), WorkerId("w1")})->started_at, std::nullopt);
  one.sample.uptime = seconds(10);
  report("a", whole({one}));
  const auto started = registry_.find({AgentId("a"), WorkerId("w1")})->started_at;
  EXPECT_EQ(started, now().at - seconds(10));
  advance(seconds(5));
  one.sample.uptime = Duration(14'800);
  report("a", whole({one}));
  EXPECT_EQ(registry_.find({AgentId("a"), WorkerId("w1")})->started_at, started);
}

TEST_F(WorkerRegistryTest, MoreWorkersThanTheBoundAreCountedAndLeftOut) {
  const Changes changes =
      report("a", whole({worker("1"), worker("2"), worker("3"), worker("4"), worker("5")}));
  EXPECT_EQ(changes.changed.size(), 4U);
  EXPECT_EQ(changes.refused, 1);
  report("a", whole({worker("5")}));  // there was no room: the four had not gone yet
  EXPECT_EQ(report("a", whole({worker("5")})).refused, 0);
  EXPECT_EQ(ids(), Ids{"a/5"});
}

TEST_F(WorkerRegistryTest, WorkersOfOthersReportThemselvesWithinABound) {
  const auto external = [&](const std::string& id, WorkerState state) {
    return registry_.external(WorkerId(id), state, now());
  };
  EXPECT_EQ(external("x", WorkerState::Ready).value().changed.size(), 1U);
  EXPECT_TRUE(external("x", WorkerState::Ready).value().empty());
  EXPECT_TRUE(external("y", WorkerState::Ready));
  EXPECT_EQ(external("z", WorkerState::Ready).error().limit, "kExternalWorkersMax");
  EXPECT_EQ(external("x", WorkerState::Stopped).value().gone.size(), 1U);
  EXPECT_TRUE(external("x", WorkerState::Stopped).value().empty());
  EXPECT_TRUE(external("z", WorkerState::Ready));
  advance(seconds(91));
  EXPECT_EQ(registry_.expire(elapsed_).gone.size(), 2U);
}

TEST_F(WorkerRegistryTest, TheMachineIsForgottenWithItsAgent) {
  TelemetryReport first = whole({});
  first.machine.emplace().cpu_percent = 12.5;
  report("a", first);
  ASSERT_NE(registry_.machine(AgentId("a")), nullptr);
  EXPECT_EQ(registry_.machine(AgentId("a"))->cpu_percent, 12.5);
  report("a", whole({}));
  EXPECT_NE(registry_.machine(AgentId("a")), nullptr);
  registry_.hello(AgentId("a"), "another", now());
  EXPECT_EQ(registry_.machine(AgentId("a")), nullptr);
  report("a", first);
  advance(seconds(91));
  registry_.expire(elapsed_);
  EXPECT_EQ(registry_.machine(AgentId("a")), nullptr);
}

}  // namespace
}  // namespace hearth::registry
