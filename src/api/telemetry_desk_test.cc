// Telemetry as the loop passes it between agents and front doors.
#include "api/telemetry_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "api/testing/loop_fixture.h"

namespace hearth::api {
namespace {

using std::chrono::seconds;
using testing::Answer;
using testing::eventually;
using testing::FakeAgent;
using testing::TelemetryAsked;
using testing::TelemetryWanted;

TelemetryReport whole(const std::vector<std::string>& ids) {
  TelemetryReport report{.whole = true, .workers = {}, .gone = {}, .machine = MachineSample{}};
  report.machine->cpu_percent = 25;
  for (const std::string& id : ids) {
    report.workers.push_back({.info = {.id = WorkerId(id),
                                       .runtime = "command",
                                       .key = "",
                                       .state = WorkerState::Busy,
                                       .jobs = {}},
                              .sample = {}});
  }
  return report;
}

class TelemetryDeskTest : public testing::LoopTest {
 protected:
  TelemetryApi& telemetry() { return loop_->telemetry(); }
  std::vector<std::string> workers(const registry::WorkerQuery& query = {}) {
    std::vector<std::string> ids;
    for (const registry::WorkerView& worker : telemetry().workers(query)) {
      ids.push_back(worker.agent.value() + "/" + worker.report.info.id.value());
    }
    return ids;
  }
};

using Ids = std::vector<std::string>;

TEST_F(TelemetryDeskTest, WorkersAreWhatTheirAgentsSay) {
  FakeAgent a = agent("a");
  FakeAgent b = agent("b");
  a.report(whole({"w1", "w2"}));
  b.report(whole({"w1"}));
  EXPECT_EQ(workers(), (Ids{"a/w1", "a/w2", "b/w1"}));
  EXPECT_EQ(workers({.agent = AgentId("b")}), Ids{"b/w1"});
  EXPECT_EQ(telemetry().figures(AgentId("a")).machine->cpu_percent, 25.0);
  a.report({.whole = false, .workers = {}, .gone = {WorkerId("w1")}, .machine = std::nullopt});
  EXPECT_EQ(workers(), (Ids{"a/w2", "b/w1"}));
  EXPECT_FALSE(telemetry().worker(AgentId("a"), WorkerId("w1")));
}

TEST_F(TelemetryDeskTest, QueriesAreAboutTheAgentsThatTheSchedulerKnows) {
  FakeAgent a = agent("a");
  a.report(whole({"w1"}));
  const registry::WorkerQuery fits{.labels = {{"id", "a"}},
                                   .free_memory_bytes_min = 64 * limits::kGiB};
  EXPECT_TRUE(eventually([&] { return workers(fits) == Ids{"a/w1"}; }));
  EXPECT_TRUE(workers({.free_memory_bytes_min = 64 * limits::kGiB + 1}).empty());
}

TEST_F(TelemetryDeskTest, ARestartedAgentsOldWorkersAreGoneAtOnce) {
  FakeAgent first = agent("a");
  first.report(whole({"w1"}));
  first.disconnect();
  EXPECT_EQ(workers(), Ids{"a/w1"});  // cut off, it works on
  FakeAgent second(*loop_, "a", "second");
  second.connect();
  ASSERT_TRUE(second.inbox().next<core::Welcome>());
  EXPECT_TRUE(workers().empty());
  first.report(whole({"w1"}));  // of a link that is gone
  EXPECT_TRUE(workers().empty());
}

// Somebody who only says to be that agent drops nobody's workers.
TEST_F(TelemetryDeskTest, ARefusedHelloChangesNothing) {
  FakeAgent a = agent("a");
  a.report(whole({"w1"}));
  FakeAgent other(*loop_, "a", "other");
  other.instance = "another machine";
  other.connect();
  ASSERT_TRUE(other.inbox().next<testing::Rejected>());
  other.report(whole({"theirs"}));
  EXPECT_EQ(workers(), Ids{"a/w1"});
}

TEST_F(TelemetryDeskTest, SilentWorkersGoByTheMonotonicClock) {
  FakeAgent a = agent("a");
  a.report(whole({"w1"}));
  std::atomic<int> gone = 0;
  telemetry().watch_telemetry(
      {.on_worker = [&](const AgentId&, const WorkerId&) { ++gone; }, .on_figures = {}});
  advance(limits::kWorkerTimeout - seconds(1));
  EXPECT_EQ(workers(), Ids{"a/w1"});
  advance(seconds(2));
  EXPECT_TRUE(eventually([&] { return workers().empty() && gone == 1; }));
}

TEST_F(TelemetryDeskTest, AgentsSendFiguresOftenWhileSomebodyReadsThem) {
  FakeAgent a = agent("a");
  telemetry().want_figures();
  EXPECT_EQ(a.inbox().next<TelemetryWanted>()->interval, limits::kTelemetryInterval);
  FakeAgent late = agent("b");
  EXPECT_EQ(late.inbox().next<TelemetryWanted>()->interval, limits::kTelemetryInterval);
  telemetry().want_figures();
  telemetry().unwant_figures();
  advance(limits::kTelemetryLinger + seconds(1));
  telemetry().unwant_figures();
  telemetry().want_figures();  // a reload: nobody is told anything
  advance(limits::kTelemetryLinger + seconds(1));
  telemetry().unwant_figures();
  EXPECT_FALSE(a.inbox().has<TelemetryWanted>());
  advance(limits::kTelemetryLinger + seconds(1));
  EXPECT_EQ(a.inbox().next<TelemetryWanted>()->interval, Duration(0));
}

TEST_F(TelemetryDeskTest, QuestionsAboutThePastGoToTheAgentAndBack) {
  FakeAgent a = agent("a");
  Answer<TelemetrySeries> answer;
  telemetry().history(AgentId("a"), {.points_max = 10}, answer.callback());
  const auto asked = a.inbox().next<TelemetryAsked>();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->query.points_max, 10);
  const TelemetrySeries series{.columns = {"cpuPercent"}, .ages = {Duration(1)}, .values = {{2.0}}};
  a.answer(asked->id + 1, series);  // to nobody
  a.answer(asked->id, series);
  a.answer(asked->id, series);
  EXPECT_EQ(answer.wait().value(), series);
  EXPECT_EQ(answer.calls(), 1);
}

TEST_F(TelemetryDeskTest, AnAgentThatDoesNotAnswerIsNotWaitedForForEver) {
  FakeAgent a = agent("a");
  Answer<TelemetrySeries> late;
  telemetry().history(AgentId("a"), {}, late.callback());
  ASSERT_TRUE(a.inbox().next<TelemetryAsked>());
  advance(limits::kTelemetryAnswerTimeout);
  EXPECT_EQ(late.wait().error().code, ErrorCode::Unavailable);

  Answer<TelemetrySeries> cut;
  telemetry().history(AgentId("a"), {}, cut.callback());
  ASSERT_TRUE(a.inbox().next<TelemetryAsked>());
  a.disconnect();
  EXPECT_EQ(cut.wait().error().code, ErrorCode::Unavailable);

  Answer<TelemetrySeries> nobody;
  telemetry().history(AgentId("nobody"), {}, nobody.callback());
  EXPECT_EQ(nobody.wait().error().code, ErrorCode::NotFound);
}

TEST_F(TelemetryDeskTest, QuestionsThatWaitAreBounded) {
  FakeAgent a = agent("a");
  std::vector<Answer<TelemetrySeries>> waiting(limits::kTelemetryQueriesMax);
  for (const auto& answer : waiting) {
    telemetry().history(AgentId("a"), {}, answer.callback());
  }
  Answer<TelemetrySeries> refused;
  telemetry().history(AgentId("a"), {}, refused.callback());
  EXPECT_EQ(refused.wait().error().limit, "kTelemetryQueriesMax");
  loop_->stop();  // everybody is answered
  EXPECT_EQ(waiting.back().wait().error().code, ErrorCode::Unavailable);
}

TEST_F(TelemetryDeskTest, AControllersRestartIsOverWithTheNextReport) {
  FakeAgent a = agent("a");
  a.report(whole({"w1"}));
  start();
  EXPECT_TRUE(workers().empty());
  a.use(*loop_);
  a.connect();
  ASSERT_TRUE(a.inbox().next<core::Welcome>());
  a.report(whole({"w1"}));
  EXPECT_EQ(workers(), Ids{"a/w1"});
}

// Between reports too, and whatever becomes of the wall clock.
TEST_F(TelemetryDeskTest, UptimeGrowsByAClockThatNobodySets) {
  FakeAgent a = agent("a");
  const auto uptime = [this] {
    const auto worker = telemetry().worker(AgentId("a"), WorkerId("w1"));
    EXPECT_EQ(worker->report.sample.uptime, telemetry().workers({}).at(0).report.sample.uptime);
    EXPECT_EQ(worker->report.sample.uptime,
              telemetry().figures(AgentId("a")).workers.at(0).report.sample.uptime);
    return worker->report.sample.uptime;
  };
  TelemetryReport report = whole({"w1"});
  a.report(report);
  EXPECT_EQ(uptime(), std::nullopt);
  report.workers[0].sample.uptime = seconds(10);
  a.report(report);
  EXPECT_EQ(uptime(), seconds(10));
  advance(seconds(3));
  clock_.set(std::chrono::hours(8'760));
  EXPECT_EQ(uptime(), seconds(13));
  clock_.set(std::chrono::hours(-8'761));
  EXPECT_EQ(uptime(), seconds(13));
}

TEST(TelemetryPaceTest, ThousandsOfAgentsSendMoreSeldom) {
  hearth::testing::ManualClock clock;
  Published published;
  TelemetryDesk desk({.published = published, .clock = clock},
                     {.registry = {}, .reports_per_second_max = 2});
  desk.want_figures();
  std::vector<std::shared_ptr<testing::FakeConnection>> connections;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    connections.push_back(std::make_shared<testing::FakeConnection>());
    desk.link_opened(i, {.id = AgentId("a" + std::to_string(i))}, connections.back());
    desk.link_welcomed(i);
  }
  // Two fit into each second, so five take three.
  const auto last_told = [](testing::FakeConnection& connection) {
    Duration told{};
    while (connection.has<TelemetryWanted>()) {
      told = connection.next<TelemetryWanted>()->interval;
    }
    return told;
  };
  for (const auto& connection : connections) {
    EXPECT_EQ(last_told(*connection), seconds(3));
  }
  desk.link_closed(5, AgentId("a5"));
  EXPECT_EQ(last_told(*connections.front()), seconds(2));
}

}  // namespace
}  // namespace hearth::api
