#include "api/commit_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "api/testing/answer.h"
#include "api/testing/gated_store.h"
#include "store/memory/memory_store.h"
#include "store/testing/change_builder.h"

namespace hearth::api {
namespace {

// A writer that would wait for an hour: what it does not wait for is done at once.
class CommitWriterTest : public ::testing::Test {
 protected:
  CommitWriterTest() { writer_.start(); }
  ~CommitWriterTest() override {
    store_.let_go();
    writer_.stop();
  }

  void push(int turns, int jobs_each = 1) {
    for (int i = 0; i < turns; ++i) {
      for (int job = 0; job < jobs_each; ++job) {
        changes_.submit();
      }
      writer_.push({.changes = changes_.take(), .effects = {}, .replies = {}});
    }
  }
  // After this the writer takes the loop for a busy one.
  void push_several_at_once() {
    store_.hold();
    push(1);
    ASSERT_TRUE(store_.wait_until_appending());
    push(kCommitBusyTurns);
    store_.let_go();
  }
  bool commits_come_to(const std::vector<std::size_t>& jobs) {
    return testing::eventually([&] { return store_.new_jobs_by_append() == jobs; });
  }

  testing::GatedStore store_{store::open_memory_store()};
  JobVersions versions_;
  SystemClock clock_;
  LoopMetrics metrics_;
  std::unique_ptr<Log> log_ = make_null_log();
  store::testing::ChangeBuilder changes_;
  CommitWriter writer_{{.store = store_,
                        .versions = versions_,
                        .clock = clock_,
                        .metrics = metrics_,
                        .log = *log_,
                        .release = [](std::vector<Turn>&) {},
                        .on_change = [] {},
                        .on_fatal = [](const Error&) {}},
                       {.gather = std::chrono::hours(1)}};
};

TEST_F(CommitWriterTest, ALoneTurnIsCommittedAtOnce) {
  push(1);
  ASSERT_TRUE(commits_come_to({1}));
  push(1);
  EXPECT_TRUE(commits_come_to({1, 1}));
}

TEST_F(CommitWriterTest, ABusyLoopGathersUntilThereAreEnough) {
  push_several_at_once();
  ASSERT_TRUE(commits_come_to({1, kCommitBusyTurns}));
  push(static_cast<int>(kCommitGatherTurnsMax));
  EXPECT_TRUE(commits_come_to({1, kCommitBusyTurns, kCommitGatherTurnsMax}));
}

TEST_F(CommitWriterTest, ATurnWithManyEventsIsWorthACommit) {
  push_several_at_once();
  ASSERT_TRUE(commits_come_to({1, kCommitBusyTurns}));
  push(1, static_cast<int>(kCommitGatherEventsMax));
  EXPECT_TRUE(commits_come_to({1, kCommitBusyTurns, kCommitGatherEventsMax}));
}

TEST_F(CommitWriterTest, AStopWaitsForNobody) {
  push_several_at_once();
  ASSERT_TRUE(commits_come_to({1, kCommitBusyTurns}));
  push(2);
  writer_.stop();
  EXPECT_TRUE(commits_come_to({1, kCommitBusyTurns, 2}));
}

}  // namespace
}  // namespace hearth::api
