// Figures go up, questions about them down.
#include "link_fixture.h"

namespace hearth {
namespace {

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
  EXPECT_GT(agent.link().telemetry_bytes(), 0U);
  EXPECT_EQ(server_->stats().telemetry_decode.count, 1U);

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

}  // namespace
}  // namespace hearth
