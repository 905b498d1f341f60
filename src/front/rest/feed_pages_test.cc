#include "front/rest/feed_pages.h"

#include <gtest/gtest.h>

#include "api/testing/fake_controller_api.h"

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
  EventHub hub_{api_, kRing};
  FeedPages pages_{api_, hub_};
};

TEST_F(FeedPagesTest, NothingHappenedIsNoPage) {
  EXPECT_EQ(pages_.after({}).page, nullptr);
  EXPECT_FALSE(pages_.after({}).lost);
  EXPECT_EQ(pages_.made(), 0U);
}

TEST_F(FeedPagesTest, WhoStandsAtTheSamePlaceGetsTheSameText) {
  const JobId id = submit();
  const auto first = pages_.after({}).page;
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(events(*first), 2U);  // submitted, queued
  EXPECT_NE(first->text.find(to_string(id)), std::string::npos);
  EXPECT_EQ(first->to.seq, api_.last_event());
  EXPECT_EQ(pages_.after({}).page, first);
  EXPECT_EQ(pages_.made(), 1U);
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
  EXPECT_GT(pages_.made(), 1U);
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

}  // namespace
}  // namespace hearth::rest
