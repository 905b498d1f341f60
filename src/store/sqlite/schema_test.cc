#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

#include "base/testing/temp_dir.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/change_builder.h"
#include "store/testing/schema_v1.h"
#include "store/testing/schema_v2.h"
#include "store/testing/schema_v3.h"

namespace hearth::store::sqlite {
namespace {

using hearth::testing::TempDir;

Database open_file(const TempDir& directory) {
  return Database::open(database_path(directory.path()), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        "")
      .value();
}

void write_v1(const TempDir& directory) {
  Database database = open_file(directory);
  ASSERT_TRUE(database.execute("BEGIN;" + std::string(testing::kSchemaV1) +
                               std::string(testing::kRowsV1) + "COMMIT"));
}

void write_v2(const TempDir& directory) {
  write_v1(directory);
  ASSERT_TRUE(open_file(directory).execute("BEGIN;" + std::string(testing::kSchemaAddedInV2) +
                                           std::string(testing::kRowsAddedInV2) + "COMMIT"));
}

void write_v3(const TempDir& directory) {
  write_v2(directory);
  ASSERT_TRUE(open_file(directory).execute("BEGIN;" + std::string(testing::kSchemaAddedInV3) +
                                           std::string(testing::kRowsAddedInV3) + "COMMIT"));
}

using WriteOld = void (*)(const TempDir&);
// One for each version before today's; a new version adds its predecessor's fixture here.
constexpr WriteOld kOldVersions[] = {write_v1, write_v2, write_v3};

std::string schema_text(Database& database) {
  std::string text;
  Statement select = database
                         .prepare(
                             "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL "
                             "ORDER BY name")
                         .value();
  while (select.step() == SQLITE_ROW) {
    text += std::string(select.bytes(0)) + ";\n";
  }
  return text;
}

TEST(SchemaTest, EachEarlierVersionHasItsFixture) {
  EXPECT_EQ(std::size(kOldVersions), static_cast<std::size_t>(schema_version_latest() - 1));
  for (std::size_t i = 0; i < std::size(kOldVersions); ++i) {
    const TempDir directory;
    kOldVersions[i](directory);
    EXPECT_EQ(open_file(directory).query_integer("PRAGMA user_version").value(),
              static_cast<std::int64_t>(i) + 1);
  }
}

void expect_rows_of_v1(const TempDir& directory) {
  auto store = open_sqlite_store({.directory = directory.path()});
  ASSERT_TRUE(store) << store.error().message;
  const Recovery recovery = (*store)->recover().value();
  EXPECT_EQ(recovery.controller_epoch, 2U);
  EXPECT_EQ(recovery.last_seq, EventSeq(7));
  EXPECT_EQ(recovery.last_job_id, JobId(7130316800008388608));
  ASSERT_EQ(recovery.jobs.size(), 1U);
  EXPECT_EQ(recovery.jobs[0].record.state, JobState::Queued);
  EXPECT_EQ(recovery.jobs[0].spec, "queued spec");
  EXPECT_EQ(recovery.jobs[0].idempotency_key, "once");
  ASSERT_EQ(recovery.agents.size(), 1U);
  EXPECT_EQ(recovery.agents[0].status, AgentStatus::Busy);

  auto reader = (*store)->reader().value();
  const JobId queued(7130316800000000000);
  const JobId ended(7130316800008388608);
  EXPECT_EQ(reader->payloads({queued})->at(0).secrets, "hunter2");
  EXPECT_EQ(reader->list({.labels = {{"team", "core"}}})->at(0).record.id, queued);
  EXPECT_EQ(reader->list({.queue = "builds", .name = "compile"})->size(), 1U);
  EXPECT_EQ(reader->find_idempotency_keys({"once"}).value().at("once"), queued);
  const auto job = reader->job(ended).value();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->record.state, JobState::Failed);
  EXPECT_EQ(job->attempts.at(0).result.exit_code, 1);
  EXPECT_EQ(reader->events(ended, {}, 10)->size(), 5U);
  EXPECT_EQ(reader->inline_output(ended, 1, StreamKind::Stdout).value(), "hello\n");
  EXPECT_EQ(reader->counts().value(),
            (std::map<JobState, std::int64_t>{{JobState::Queued, 1}, {JobState::Failed, 1}}));

  const Past past = reader->past(10, 10).value();
  EXPECT_EQ(past.finished_jobs, 1);
  EXPECT_EQ(past.events, 7);
  ASSERT_EQ(past.jobs.size(), 1U) << "jobs that ended before retention was there";
  EXPECT_EQ(past.jobs[0].id, ended);
  EXPECT_EQ(past.jobs[0].ended_at, time_from_ms(1'700'000'000'007));
  const RemoveOutcome gone =
      (*store)->remove({.jobs = past.jobs, .events_through = EventSeq(7), .give_back_pages = 1});
  EXPECT_EQ(gone.outcome.status, AppendStatus::Durable) << gone.outcome.error.message;
  EXPECT_FALSE(reader->job(ended).value());
  EXPECT_TRUE(reader->job(queued).value());
}

TEST(SchemaTest, OpensADatabaseOfEachEarlierVersionWithEverythingInIt) {
  for (const WriteOld write_old : kOldVersions) {
    const TempDir directory;
    write_old(directory);
    expect_rows_of_v1(directory);
  }
}

TEST(SchemaTest, KeepsTheTokensOfTheSecondVersion) {
  const TempDir directory;
  write_v2(directory);
  auto store = open_sqlite_store({.directory = directory.path()}).value();
  const auto tokens = store->tokens().value()->load().value();
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_EQ(tokens[0].id, auth::TokenId("t1"));
  EXPECT_EQ(tokens[0].hash[31], 31);
  EXPECT_EQ(tokens[0].revoked_at, time_from_ms(1'700'000'000'500));
}

TEST(SchemaTest, AnOldDatabaseGetsTheSameSchemaAsANewOne) {
  const TempDir new_directory;
  ASSERT_TRUE(open_sqlite_store({.directory = new_directory.path()}));
  Database fresh = open_file(new_directory);
  EXPECT_EQ(fresh.query_integer("PRAGMA page_size").value(), kPageBytes);
  for (const WriteOld write_old : kOldVersions) {
    const TempDir old_directory;
    write_old(old_directory);
    ASSERT_TRUE(open_sqlite_store({.directory = old_directory.path()}));
    Database migrated = open_file(old_directory);
    EXPECT_EQ(schema_text(migrated), schema_text(fresh));
    EXPECT_EQ(migrated.query_integer("PRAGMA user_version").value(), schema_version_latest());
    for (Database* database : {&migrated, &fresh}) {
      EXPECT_EQ(database->query_integer("PRAGMA auto_vacuum").value(), 2) << "incremental";
    }
  }
}

TEST(SchemaTest, FreePagesAreGivenBackInSteps) {
  const TempDir directory;
  auto store = open_sqlite_store({.directory = directory.path()}).value();
  testing::ChangeBuilder build;
  const JobId job = build.submit({.spec = std::string(100 * kPageBytes, 'x')});
  build.end(job);
  const ChangeSet changes = build.take();
  ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
  auto reader = store->reader().value();
  ASSERT_EQ(store->remove({.jobs = reader->past(1, 1)->jobs, .events_through = {}}).jobs.size(),
            1U);
  const Past before = reader->past(1, 1).value();
  ASSERT_GE(before.free_pages, 100);
  ASSERT_EQ(store->remove({.jobs = {}, .events_through = {}, .give_back_pages = 40}).outcome.status,
            AppendStatus::Durable);
  const Past after = reader->past(1, 1).value();
  EXPECT_EQ(after.free_pages, before.free_pages - 40);
  EXPECT_LE(after.pages, before.pages - 40);
}

TEST(SchemaTest, RefusesANewerVersionAndNamesBoth) {
  const TempDir directory;
  write_v1(directory);
  ASSERT_TRUE(open_file(directory).execute("PRAGMA user_version = 99"));
  const auto store = open_sqlite_store({.directory = directory.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::FailedPrecondition);
  const std::string& message = store.error().message;
  EXPECT_NE(message.find("schema version 99"), std::string::npos) << message;
  EXPECT_NE(message.find("up to " + std::to_string(schema_version_latest())), std::string::npos);
  EXPECT_NE(message.find("Start the newer hearth"), std::string::npos) << message;
  Database untouched = open_file(directory);
  EXPECT_EQ(untouched.query_integer("PRAGMA user_version").value(), 99);
  EXPECT_EQ(untouched.query_integer("SELECT controller_epoch FROM meta").value(), 1);
}

TEST(SchemaTest, RefusesAnotherProgramsDatabase) {
  const TempDir directory;
  ASSERT_TRUE(open_file(directory).execute("CREATE TABLE jobs(x)"));
  const auto store = open_sqlite_store({.directory = directory.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::FailedPrecondition);
  EXPECT_NE(store.error().message.find("another program's"), std::string::npos);
}

TEST(SchemaTest, RefusesAFileThatIsNoDatabase) {
  const TempDir directory;
  ASSERT_TRUE(write_file_atomically(database_path(directory.path()), std::string(9000, 'x')));
  const auto store = open_sqlite_store({.directory = directory.path()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::DataLoss);
  EXPECT_NE(store.error().message.find(directory.path()), std::string::npos);
}

TEST(SchemaTest, AMigrationThatFailsLeavesTheVersionItFound) {
  const TempDir directory;
  Database database = open_file(directory);
  // In the way of the first migration, half way through.
  ASSERT_TRUE(database.execute("CREATE TABLE attempts(x)"));
  EXPECT_FALSE(migrate(database, 0));
  EXPECT_EQ(database.query_integer("PRAGMA user_version").value(), 0);
  EXPECT_EQ(schema_text(database), "CREATE TABLE attempts(x);\n");
}

}  // namespace
}  // namespace hearth::store::sqlite
