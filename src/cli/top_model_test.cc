#include "cli/top_model.h"

#include <gtest/gtest.h>

#include "cli/testing/top_events.h"
#include "cli/top_json.h"

namespace hearth::cli::testing {
namespace {

std::int64_t count(const TopModel& model, const std::string& state) {
  const auto found = model.counts().find(state);
  return found == model.counts().end() ? 0 : found->second;
}

TEST(TopModelTest, ASnapshotReplacesWhatWasKnown) {
  TopModel model;
  EXPECT_FALSE(model.has_snapshot());
  take(model, "snapshot",
       snapshot({{"QUEUED", 2}}, {agent("a", "BUSY"), agent("b", "IDLE")},
                {worker("w1", "a"), worker("w2", "a")}));
  EXPECT_TRUE(model.has_snapshot());
  EXPECT_TRUE(model.wants_pages());
  EXPECT_EQ(model.agents().size(), 2U);
  EXPECT_EQ(model.workers().size(), 2U);
  take(model, "snapshot", snapshot({{"RUNNING", 1}}, {agent("b", "IDLE")}));
  EXPECT_EQ(count(model, "QUEUED"), 0);
  EXPECT_EQ(count(model, "RUNNING"), 1);
  EXPECT_EQ(model.agents().size(), 1U);
  EXPECT_TRUE(model.workers().empty());
}

TEST(TopModelTest, CountsFollowTheChangesOfJobs) {
  TopModel model;
  take(model, "snapshot", snapshot({{"QUEUED", 1}, {"COMPLETED", 5}}));
  change(model, "submitted", job("2", "SUBMITTED"));
  change(model, "queued", job("2", "QUEUED"));
  EXPECT_EQ(count(model, "QUEUED"), 2);
  change(model, "assigned", job("1", "ASSIGNED"));  // of which no change was seen before
  change(model, "started", job("1", "RUNNING"));
  change(model, "progress", job("1", "RUNNING"));
  EXPECT_EQ(count(model, "QUEUED"), 1);
  EXPECT_EQ(count(model, "ASSIGNED"), 0);
  EXPECT_EQ(count(model, "RUNNING"), 1);
  change(model, "requeued", job("1", "QUEUED"));
  EXPECT_EQ(count(model, "QUEUED"), 2);
  change(model, "ended", job("1", "CANCELLED"));
  change(model, "assigned", job("2", "ASSIGNED"));
  change(model, "started", job("2", "RUNNING"));
  change(model, "ended", job("2", "COMPLETED"));
  EXPECT_EQ(count(model, "QUEUED"), 0);
  EXPECT_EQ(count(model, "RUNNING"), 0);
  EXPECT_EQ(count(model, "SUBMITTED"), 0);
  EXPECT_EQ(count(model, "COMPLETED"), 6);
  EXPECT_EQ(count(model, "CANCELLED"), 1);
}

TEST(TopModelTest, AnEndOfAJobThatWasNeverSeenIsTakenFromWhereItMustHaveBeen) {
  TopModel model;
  take(model, "snapshot", snapshot({{"QUEUED", 1}, {"RUNNING", 1}}));
  change(model, "ended", with(job("1", "FAILED"), {{"startedAt", "2026-11-22T02:28:10Z"}}));
  EXPECT_EQ(count(model, "RUNNING"), 0);
  change(model, "ended", job("2", "CANCELLED"));
  EXPECT_EQ(count(model, "QUEUED"), 0);
  EXPECT_EQ(count(model, "FAILED"), 1);
}

TEST(TopModelTest, RatesAreOfTheLastTenSecondsAndUnknownAtFirst) {
  TopModel model;
  take(model, "snapshot", snapshot({{"RUNNING", 100}}), kNow);
  change(model, "ended", job("1", "COMPLETED"), kNow);
  EXPECT_FALSE(model.rates(kNow + Duration(500)).finished);
  change(model, "ended", job("2", "FAILED"), kNow + Duration(1'500));
  ASSERT_TRUE(model.rates(kNow + Duration(2'000)).finished);
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(2'000)).finished, 1.0);
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(2'000)).failed, 0.5);
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(10'000)).finished, 0.1);
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(12'000)).finished, 0.0);
}

TEST(TopModelTest, WhatEndedWhileNothingWasToldCountsIntoTheRate) {
  TopModel model;
  take(model, "snapshot", snapshot({{"COMPLETED", 10}, {"FAILED", 1}}), kNow);
  take(model, "lagged", {}, kNow + Duration(10'000));
  take(model, "snapshot", snapshot({{"COMPLETED", 50}, {"FAILED", 11}}), kNow + Duration(10'000));
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(10'000)).finished, 5.0);
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(10'000)).failed, 1.0);
  // Jobs that were removed meanwhile make no negative rate.
  take(model, "snapshot", snapshot({{"COMPLETED", 1}}), kNow + Duration(10'000));
  EXPECT_DOUBLE_EQ(*model.rates(kNow + Duration(10'000)).finished, 5.0);
}

TEST(TopModelTest, WorkersComeChangeAndGo) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {agent("a", "BUSY")}));
  take(model, "worker", worker("w", "a", {{"cpuPercent", 12.5}}));
  ASSERT_EQ(model.workers().size(), 1U);
  take(model, "worker", worker("w", "a", {{"state", "STOPPING"}}));
  EXPECT_EQ(model.workers().begin()->second.state, "STOPPING");
  take(model, "worker", {{"id", "w"}, {"agentId", "a"}, {"state", "STOPPED"}});
  EXPECT_TRUE(model.workers().empty());
}

TEST(TopModelTest, WorkersThatASnapshotOnlyCountsAreKnownToBeThere) {
  TopModel model;
  auto cut = snapshot({}, {}, {worker("w", "a")});
  cut["workersTotal"] = 12'000;
  take(model, "snapshot", cut);
  EXPECT_EQ(model.workers_not_named(), 11'999);
  take(model, "snapshot", snapshot({}, {}, {worker("w", "a")}));
  EXPECT_EQ(model.workers_not_named(), 0);
}

TEST(TopModelTest, TheSameIdOnTwoAgentsIsTwoWorkers) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {}, {worker("w", "a"), worker("w", "b")}));
  EXPECT_EQ(model.workers().size(), 2U);
}

TEST(TopModelTest, TelemetryRenewsFiguresAndNullStaysUnknown) {
  TopModel model;
  take(model, "snapshot",
       snapshot({}, {agent("a", "BUSY")},
                {worker("w", "a", {{"cpuPercent", 50}, {"memoryBytes", 1000}})}));
  EXPECT_FALSE(model.has_figures());
  take(model, "telemetry",
       telemetry("a", machine({{"load1m", nullptr}}),
                 {{{"id", "w"}, {"cpuPercent", 75.5}, {"memoryBytes", nullptr}, {"pids", 0}},
                  {{"id", "not known"}, {"cpuPercent", 1}}}));
  EXPECT_TRUE(model.has_figures());
  const TopFigures& figures = model.workers().begin()->second.figures;
  EXPECT_EQ(figures.cpu_percent, 75.5);
  EXPECT_FALSE(figures.memory);
  EXPECT_EQ(figures.pids, 0);
  EXPECT_EQ(model.workers().size(), 1U);
  const TopMachine& of = *model.agents().at("a").machine;
  EXPECT_DOUBLE_EQ(*of.cpu_share(), 0.375);
  EXPECT_FALSE(of.load);
  EXPECT_FALSE(of.net_tx);
}

TEST(TopModelTest, FiguresAreThereOnceRatesAre) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {agent("a", "BUSY")}, {worker("w", "a")}));
  take(model, "telemetry", telemetry("a", machine({{"cpuPercent", nullptr}})));
  EXPECT_FALSE(model.has_figures());
  take(model, "telemetry", telemetry("a", machine()));
  EXPECT_FALSE(model.has_figures());
  take(model, "telemetry", telemetry("a", machine(), {{{"id", "w"}, {"cpuPercent", 0}}}));
  EXPECT_TRUE(model.has_figures());
  take(model, "worker", worker("external", ""));  // tells none
  EXPECT_TRUE(model.has_figures());
}

TEST(TopModelTest, FiguresOfAnAgentThatCannotBeHeardAreNotWaitedFor) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {agent("a", "DISCONNECTED")}));
  EXPECT_TRUE(model.has_figures());
}

TEST(TopModelTest, AChangedAgentKeepsItsMachinesFigures) {
  TopModel model;
  take(model, "snapshot", snapshot({}, {agent("a", "IDLE")}));
  take(model, "telemetry", telemetry("a", machine()));
  take(model, "agent", agent("a", "DRAINING"));
  EXPECT_EQ(model.agents().at("a").status, "DRAINING");
  EXPECT_TRUE(model.agents().at("a").machine);
  take(model, "snapshot", snapshot({}, {agent("a", "IDLE")}));
  EXPECT_TRUE(model.agents().at("a").machine);
}

TEST(TopModelTest, JobsOfWhichOnlyAChangeWasToldAreAskedFor) {
  TopModel model;
  take(model, "snapshot", snapshot({{"RUNNING", 1}}));
  model.take_running(page({with(job("1", "RUNNING"), {{"name", "build"}})}));
  EXPECT_FALSE(model.wants_pages());
  change(model, "progress",
         with(job("1", "RUNNING"), {{"progress", {{"percent", 40}, {"text", "x"}}}}));
  EXPECT_FALSE(model.wants_pages());
  EXPECT_EQ(model.find_running("1")->name, "build");
  EXPECT_EQ(model.find_running("1")->percent, 40);
  change(model, "started", job("2", "RUNNING"));
  EXPECT_TRUE(model.wants_pages());
  EXPECT_NE(model.find_running("2"), nullptr);
  change(model, "ended", job("2", "COMPLETED"));
  EXPECT_EQ(model.find_running("2"), nullptr);
}

TEST(TopModelTest, FailuresAreNewestFirstWithTheirNamesAndBounded) {
  TopModel model;
  take(model, "snapshot", snapshot({}));
  model.take_running(page({with(job("1", "RUNNING"), {{"name", "build"}})}));
  model.take_failures(
      page({with(job("0", "TIMED_OUT"), {{"completedAt", "2026-11-22T02:20:00Z"}})}));
  change(model, "ended",
         with(job("1", "FAILED"),
              {{"reason", "oom"}, {"completedAt", "2026-11-22T02:28:20Z"}, {"signal", 9}}));
  ASSERT_EQ(model.failures().size(), 2U);
  EXPECT_EQ(model.failures().front().id, "1");
  EXPECT_EQ(model.failures().front().name, "build");
  EXPECT_EQ(model.failures().front().reason, "oom");
  change(model, "ended", job("3", "CANCELLED"));  // wanted, so no failure
  change(model, "ended", job("4", "COMPLETED"));
  EXPECT_EQ(model.failures().size(), 2U);
  for (int i = 0; i < 100; ++i) {
    change(model, "ended", with(job("f" + std::to_string(i), "FAILED"), {{"reason", "oom"}}));
  }
  EXPECT_EQ(model.failures().size(), kTopFailuresMax);
}

TEST(TopModelTest, WaitingJobsAreClassesByWhatTheyAskFor) {
  TopModel model;
  take(model, "snapshot", snapshot({{"QUEUED", 4}}));
  model.take_waiting(
      page({with(job("1", "QUEUED"), {{"queuedAt", "2026-11-22T02:10:00Z"}, {"name", "oldest"}}),
            with(job("2", "QUEUED"), {{"queuedAt", "2026-11-22T02:20:00Z"}}),
            with(job("3", "QUEUED"), {{"requiredCpu", 0.5}, {"queuedAt", "2026-11-22T02:05:00Z"}}),
            with(job("4", "QUEUED"), {{"priority", 7}})},
           /*has_more=*/true));
  EXPECT_TRUE(model.waiting_is_cut());
  const auto classes = model.classes();
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[0].priority, 7);
  EXPECT_EQ(classes[1].cpu, 0.5);
  EXPECT_EQ(classes[2].waiting, 2);
  EXPECT_EQ(classes[2].example, "oldest");
  EXPECT_EQ(to_rfc3339(*classes[2].oldest), "2026-11-22T02:10:00.000Z");
  change(model, "assigned", job("1", "ASSIGNED"));
  EXPECT_EQ(model.classes()[2].waiting, 1);
}

TEST(TopModelTest, TimesAreByTheControllersClock) {
  TopModel model;
  EXPECT_EQ(model.controller_time(kNow), kNow);
  take(model, "snapshot", snapshot({}, {agent("a", "IDLE")}), kNow - Duration(60'000));
  take(model, "telemetry", telemetry("a", nullptr), kNow - Duration(60'000));
  EXPECT_EQ(model.controller_time(kNow), kNow + Duration(60'000));
}

TEST(TopModelTest, TextThatATerminalWouldObeyIsMadeHarmless) {
  TopModel model;
  take(model, "snapshot", snapshot({}));
  model.take_running(page({with(job("1", "RUNNING"), {{"name", "x\x1b[2Jy"}})}));
  EXPECT_EQ(model.find_running("1")->name, "x?[2Jy");
}

TEST(TopModelTest, AnEventThatIsNoJsonIsAnErrorAndOneOfAnUnknownKindIsNot) {
  TopModel model;
  EXPECT_FALSE(model.take({.id = {}, .event = "job", .data = "{"}, kNow));
  EXPECT_TRUE(model.take({.id = {}, .event = "weather", .data = "{}"}, kNow));
  EXPECT_TRUE(model.take({.id = {}, .event = "snapshot", .data = "[]"}, kNow));
}

TEST(TopModelTest, AsJsonItIsOneObjectWithNullForWhatIsNotKnown) {
  TopModel model;
  take(model, "snapshot",
       snapshot({{"RUNNING", 1}}, {agent("a", "BUSY")}, {worker("w", "a", {{"pids", 3}})}));
  model.take_running(page({job("1", "RUNNING")}));
  const auto all =
      boost::json::parse(top_json(model, {.url = "http://x:1", .now = kNow, .away_since = {}}));
  EXPECT_EQ(all.at("url").as_string(), "http://x:1");
  EXPECT_EQ(all.at("counts").at("RUNNING").as_int64(), 1);
  EXPECT_TRUE(all.at("finishedPerSec").is_null());
  EXPECT_TRUE(all.at("agents").at(0).at("machine").is_null());
  EXPECT_EQ(all.at("workers").at(0).at("pids").as_int64(), 3);
  EXPECT_TRUE(all.at("workers").at(0).at("cpuPercent").is_null());
  EXPECT_EQ(all.at("running").at(0).at("command").as_string(), "sleep 60");
}

}  // namespace
}  // namespace hearth::cli::testing
