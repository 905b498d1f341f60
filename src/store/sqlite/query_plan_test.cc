#include <gtest/gtest.h>

#include <string>

#include "base/testing/temp_dir.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/database.h"
#include "store/sqlite/list_query.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/sqlite_store.h"

namespace hearth::store::sqlite {
namespace {

// What SQLite would do, a line a step: "SEARCH … USING INDEX …" or, for a whole table or index,
// "SCAN …"; "USE TEMP B-TREE FOR ORDER BY" means that all matches are read before the first.
class QueryPlanTest : public ::testing::Test {
 protected:
  QueryPlanTest()
      : store_(open_sqlite_store({.directory = directory_.path()}).value()),
        database_(
            Database::open(database_path(directory_.path()), SQLITE_OPEN_READONLY, "").value()) {}

  std::string plan(std::string_view sql) {
    Statement explain = database_.prepare("EXPLAIN QUERY PLAN " + std::string(sql)).value();
    std::string steps;
    while (explain.step() == SQLITE_ROW) {
      steps += std::string(explain.bytes(3)) + "\n";
    }
    return steps;
  }

  void expect_indexed(const JobQuery& query, const std::string& index) {
    const std::vector<ListStatement> statements = plan_list(query);
    ASSERT_FALSE(statements.empty());
    for (const ListStatement& statement : statements) {
      const std::string steps = plan(statement.sql);
      EXPECT_EQ(steps.find("SCAN"), std::string::npos) << statement.sql << "\n" << steps;
      EXPECT_EQ(steps.find("TEMP B-TREE"), std::string::npos) << statement.sql << "\n" << steps;
      EXPECT_NE(steps.find(index), std::string::npos) << statement.sql << "\n" << steps;
    }
  }

  hearth::testing::TempDir directory_;
  std::unique_ptr<Store> store_;
  Database database_;
};

TEST_F(QueryPlanTest, ListsGoThroughAnIndexInOrderOfIds) {
  const JobId cursor(1ULL << 40U);
  for (const auto& below : {std::optional<JobId>(), std::optional(cursor)}) {
    expect_indexed({.below = below}, "USING INTEGER PRIMARY KEY");
    expect_indexed({.states = {JobState::Queued}, .below = below},
                   "USING COVERING INDEX jobs_state");
    expect_indexed({.states = {JobState::Queued, JobState::Failed}, .below = below}, "jobs_state");
    expect_indexed({.labels = {{"k", "v"}}, .below = below}, "SEARCH l USING PRIMARY KEY");
    expect_indexed({.queue = "q", .below = below}, "USING COVERING INDEX jobs_queue");
    expect_indexed({.name = "n", .below = below}, "INDEX jobs_name");
  }
}

TEST_F(QueryPlanTest, CombinedFiltersGoThroughAnIndexToo) {
  const std::vector<JobState> states = {JobState::Failed, JobState::Queued};
  expect_indexed({.states = states, .queue = "q"}, "jobs_state");
  expect_indexed({.states = states, .labels = {{"k", "v"}, {"l", "w"}}, .queue = "q"},
                 "SEARCH l USING PRIMARY KEY");
  expect_indexed({.states = states, .labels = {{"k", "v"}}, .queue = "q", .name = "n"},
                 "INDEX jobs_name");
}

TEST_F(QueryPlanTest, OtherReadsNeverScanWhatGrows) {
  for (const std::string_view sql : reader_statements()) {
    const std::string steps = plan(sql);
    EXPECT_EQ(steps.find("TEMP B-TREE"), std::string::npos) << sql << "\n" << steps;
    // `ended` has a row a final state.
    if (sql.find("FROM ended") == std::string_view::npos) {
      EXPECT_EQ(steps.find("SCAN"), std::string::npos) << sql << "\n" << steps;
    }
  }
}

}  // namespace
}  // namespace hearth::store::sqlite
