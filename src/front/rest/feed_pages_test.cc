#include "front/rest/feed_pages.h"

#include <gtest/gtest.h>

#include "api/telemetry_desk.h"
#include "api/testing/fake_agent.h"
#include "api/testing/fake_controller_api.h"
#include "base/telemetry_limits.h"
#include "base/testing/manual_clock.h"

namespace hearth::rest {
namespace {

class FeedPagesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(hub_.start()); }

  JobId submit() {
    JobId id;
    api::SubmitRequestItem item;
    item.spec.execution.command = {"true"};
    std::vector<api::SubmitRequestItem> items;
    items.push_back(std::move(item));
    api_.submit(std::move(items), [&id](const Result<api::SubmitResults>& results) {
      ASSERT_TRUE(results && results->front());
      id = results->front()->id;
    });
    return id;
  }
  [[nodiscard]] static std::size_t events(const FeedPage& page) {
    std::size_t count = 0;
    for (std::size_t at = page.text.find("event: "); at != std::string::npos;
         at = page.text.find("event: ", at + 1)) {
      ++count;
    }
    return count;
  }

  static constexpr std::int64_t kRing = 600;
  api::testing::FakeControllerApi api_;
  hearth::testing::ManualClock clock_;
  api::Published published_;
  api::TelemetryDesk telemetry_{{.published = published_, .clock = clock_}, {}};
  EventHub hub_{api_, telemetry_, kRing};
  FeedPages pages_{api_, telemetry_, hub_, clock_};
};

TEST_F(FeedPagesTest, NothingHappenedIsNoPage) {
  EXPECT_EQ(pages_.after({}).page, nullptr);
  EXPECT_FALSE(pages_.after({}).lost);
  EXPECT_EQ(pages_.pages().made(), 0U);
}

TEST_F(FeedPagesTest, WhoStandsAtTheSamePlaceGetsTheSameText) {
  const JobId id = submit();
  const auto first = pages_.after({}).page;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(events(*first), 2U);  // submitted, queued
  EXPECT_NE(first->text.find(to_string(id)), std::string::npos);
  EXPECT_EQ(first->to.seq, api_.last_event());
  EXPECT_EQ(pages_.after({}).page, first);
  EXPECT_EQ(pages_.pages().made(), 1U);
  EXPECT_EQ(pages_.after(first->to).page, nullptr);
}

TEST_F(FeedPagesTest, AnOlderPageLeadsToTheNewer) {
  submit();
  const auto first = pages_.after({}).page;
  submit();
  EXPECT_EQ(pages_.after({}).page, first);
  const auto second = pages_.after(first->to).page;
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(events(*second), 2U);
  EXPECT_EQ(second->to.seq, api_.last_event());
}

TEST_F(FeedPagesTest, AgentsComeAfterJobsAndAsTheyAre) {
  AgentView agent;
  agent.record.info.id = AgentId("a1");
  api_.set_agent(agent);
  submit();
  const auto jobs = pages_.after({}).page;
  ASSERT_NE(jobs, nullptr);
  EXPECT_EQ(jobs->text.find("event: agent"), std::string::npos);
  agent.running = 7;
  api_.set_agent(agent);
  const auto agents = pages_.after(jobs->to).page;
  ASSERT_NE(agents, nullptr);
  EXPECT_EQ(events(*agents), 1U);
  EXPECT_NE(agents->text.find("\"running\":7"), std::string::npos);
  EXPECT_EQ(pages_.after(agents->to).page, nullptr);
  agent.running = 8;
  api_.set_agent(agent);
  EXPECT_NE(pages_.after(agents->to).page->text.find("\"running\":8"), std::string::npos);
}

TEST_F(FeedPagesTest, ManyEventsAreManyPagesWithoutAGap) {
  const JobId id = submit();
  while (api_.last_event() < EventSeq(500)) {
    api_.start_attempt(id);
  }
  FeedPosition at;
  std::size_t seen = 0;
  while (const auto page = pages_.after(at).page) {
    EXPECT_EQ(page->from, at);
    seen += events(*page);
    at = page->to;
  }
  EXPECT_EQ(seen, api_.last_event().value());
  EXPECT_GT(pages_.pages().made(), 1U);
}

TEST_F(FeedPagesTest, BehindTheRingIsLost) {
  const JobId id = submit();
  while (api_.last_event() < EventSeq(kRing + 100)) {
    api_.start_attempt(id);
  }
  EXPECT_TRUE(pages_.after({}).lost);
  EXPECT_EQ(pages_.after({}).page, nullptr);
  EXPECT_FALSE(pages_.after({.seq = EventSeq(200)}).lost);
}

// As an agent's link does it.
class FeedPagesOfWorkersTest : public FeedPagesTest {
 protected:
  void SetUp() override {
    FeedPagesTest::SetUp();
    telemetry_.link_opened(1, {.id = AgentId("a1")}, connection_);
    telemetry_.link_welcomed(1);
  }
  void report(int first, int count) {
    TelemetryReport report;
    for (int i = first; i < first + count; ++i) {
      WorkerReport& worker = report.workers.emplace_back();
      worker.info.id = WorkerId("w" + std::to_string(i));
      worker.info.runtime = "command";
    }
    telemetry_.report(1, AgentId("a1"), std::move(report));
  }
  void forget(int worker) {
    telemetry_.report(1, AgentId("a1"), {.gone = {WorkerId("w" + std::to_string(worker))}});
  }

  std::shared_ptr<api::testing::FakeConnection> connection_ =
      std::make_shared<api::testing::FakeConnection>();
};

TEST_F(FeedPagesOfWorkersTest, AWorkerIsShownAsItIsByNow) {
  report(0, 2);
  forget(1);
  const auto page = pages_.after({}).page;
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(events(*page), 2U);
  EXPECT_NE(page->text.find(R"({"id":"w0","agentId":"a1","runtime":"command")"), std::string::npos);
  EXPECT_NE(page->text.find(R"({"id":"w1","agentId":"a1","state":"STOPPED"})"), std::string::npos);
  EXPECT_EQ(pages_.after(page->to).page, nullptr);
}

TEST_F(FeedPagesOfWorkersTest, WhoMissedMoreChangesThanAreKeptIsLost) {
  const FeedPosition start = hub_.now();
  report(0, static_cast<int>(limits::kWorkersPerAgentMax));
  for (int i = 0; i < static_cast<int>(limits::kWorkersPerAgentMax); ++i) {
    forget(i);
  }
  EXPECT_TRUE(pages_.after(start).lost);
  EXPECT_FALSE(pages_.after(hub_.now()).lost);
}

TEST_F(FeedPagesOfWorkersTest, WhatIsNotWantedIsNeverNews) {
  FeedPosition position = hub_.now();
  position.workers = FeedPosition::kNotWanted;
  report(0, 1);
  EXPECT_EQ(pages_.after(position).page, nullptr);
  submit();
  const auto page = pages_.after(position).page;
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->to.workers, FeedPosition::kNotWanted);
  EXPECT_EQ(page->text.find("event: worker"), std::string::npos);
}

TEST_F(FeedPagesOfWorkersTest, AStormOfClientsThatLagCostsOneSnapshot) {
  const auto first = pages_.snapshot(false);
  EXPECT_EQ(pages_.snapshot(false), first);  // nothing happened
  report(0, 1);
  EXPECT_EQ(pages_.snapshot(true), first);  // they go on from its position
  EXPECT_EQ(pages_.snapshots().made(), 1U);
  const auto fresh = pages_.snapshot(false);
  EXPECT_NE(fresh, first);
  EXPECT_NE(fresh->text.find(R"("workersTotal":1)"), std::string::npos);
  report(1, 1);
  clock_.advance(std::chrono::seconds(2));
  EXPECT_NE(pages_.snapshot(true), fresh);
  EXPECT_EQ(pages_.snapshots().made(), 3U);
}

TEST_F(FeedPagesOfWorkersTest, CountsWhatWasMadeForHowMany) {
  const FeedPosition start = hub_.now();
  report(0, 1);
  clock_.advance(Duration(40));
  const auto page = pages_.after(start).page;
  ASSERT_NE(page, nullptr);
  pages_.after(start);
  pages_.after(start);
  EXPECT_EQ(pages_.pages().made(), 1U);
  EXPECT_EQ(pages_.pages().told.load(), 3U);
  EXPECT_EQ(pages_.pages().bytes.load(), page->text.size());
  EXPECT_EQ(pages_.figures_age().snapshot().count, 0U);  // a change alone brings no figures

  const auto snapshot = pages_.snapshot(false);
  pages_.snapshot(false);
  EXPECT_EQ(pages_.snapshots().made(), 1U);
  EXPECT_EQ(pages_.snapshots().told.load(), 2U);
  EXPECT_EQ(pages_.snapshots().bytes.load(), snapshot->text.size());
}

TEST_F(FeedPagesOfWorkersTest, KnowsHowOldFiguresAreWhenTheyAreTold) {
  clock_.advance(limits::kFiguresTellInterval);
  const FeedPosition start = hub_.now();
  telemetry_.report(1, AgentId("a1"), {.whole = true});
  clock_.advance(Duration(40));
  ASSERT_NE(pages_.after(start).page, nullptr);
  const HistogramSnapshot age = pages_.figures_age().snapshot();
  EXPECT_EQ(age.count, 1U);
  EXPECT_DOUBLE_EQ(age.sum_seconds, 0.04);
}

TEST_F(FeedPagesOfWorkersTest, ASnapshotFromWhichNobodyCanGoOnIsNotUsed) {
  const auto first = pages_.snapshot(false);
  for (int i = 0; i < kRing; ++i) {
    submit();
  }
  EXPECT_NE(pages_.snapshot(true), first);
}

}  // namespace
}  // namespace hearth::rest
