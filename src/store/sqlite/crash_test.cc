#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/testing/temp_dir.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/change_builder.h"
#include "store/testing/faulty_vfs.h"

namespace hearth::store {
namespace {

using hearth::testing::TempDir;
using testing::ChangeBuilder;
using testing::FaultyVfs;

constexpr int kBatches = 12;

// One batch: a new job, and everything that happens to the one of the batch before.
ChangeSet next_batch(ChangeBuilder& build, int batch) {
  const JobId previous = build.last_job();
  build.submit({.name = "batch " + std::to_string(batch), .spec = std::string(3'000, 's')});
  if (!previous.empty()) {
    build.assign(previous);
    build.start(previous);
    build.output(previous, StreamKind::Stdout, std::string(2'000, 'o'));
    build.end(previous);
  }
  return build.take();
}

// Appends all batches and writes a byte to `acknowledged` for each that is durable.
void append_all(const SqliteOptions& options, int acknowledged) {
  auto store = open_sqlite_store(options);
  if (!store || !(*store)->recover()) {
    ::_exit(3);
  }
  ChangeBuilder build;
  for (int batch = 0; batch < kBatches; ++batch) {
    const ChangeSet changes = next_batch(build, batch);
    if ((*store)->append({&changes}).status != AppendStatus::Durable) {
      ::_exit(4);
    }
    if (::write(acknowledged, "+", 1) != 1) {
      ::_exit(5);
    }
  }
}

// The store holds the first n batches whole and nothing of the next; returns n.
int whole_batches(const std::string& directory) {
  const FaultyVfs vfs;
  auto store = open_sqlite_store({.directory = directory, .vfs = vfs.name()});
  EXPECT_TRUE(store) << store.error().message;
  const Recovery recovery = (*store)->recover().value();
  auto reader = (*store)->reader().value();
  ChangeBuilder build;
  int batches = 0;
  while (batches < kBatches && build.last_seq() < recovery.last_seq) {
    (void)next_batch(build, batches);
    ++batches;
  }
  EXPECT_EQ(build.last_seq(), recovery.last_seq) << "half a batch";
  for (const auto& [id, record] : build.jobs()) {
    const auto stored = reader->job(id).value();
    EXPECT_TRUE(stored && stored->record == record);
  }
  EXPECT_EQ(reader->events({}, {}, 1'000)->size(), build.last_seq().value());
  EXPECT_EQ(recovery.jobs.size(), batches == 0 ? 0U : 1U);
  EXPECT_EQ(recovery.last_job_id, build.last_job());
  return batches;
}

// Kills a process at its n-th write or sync, for every n until one comes through.
TEST(SqliteCrashTest, KilledAtAnyWriteItKeepsWhatItAcknowledgedAndNoHalves) {
  bool came_through = false;
  int killed = 0;
  for (std::int64_t point = 1; !came_through; point += point < 40 ? 1 : 3) {
    SCOPED_TRACE("killed at write or sync " + std::to_string(point));
    const TempDir directory;
    int acknowledged[2] = {};
    ASSERT_EQ(::pipe(acknowledged), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      FaultyVfs vfs;
      vfs.kill_at(point);
      // The log is moved into the database often, so that some of the kills hit that.
      append_all({.directory = directory.path(),
                  .wal_pages_background = 100'000,
                  .wal_pages_max = 10,
                  .vfs = vfs.name()},
                 acknowledged[1]);
      ::_exit(0);
    }
    ::close(acknowledged[1]);
    int count = 0;
    char byte = 0;
    while (::read(acknowledged[0], &byte, 1) == 1) {
      ++count;
    }
    ::close(acknowledged[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    came_through = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ASSERT_TRUE(came_through || WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
    const int batches = whole_batches(directory.path());
    EXPECT_GE(batches, count);
    EXPECT_LE(batches, count + 1);
    killed += came_through ? 0 : 1;
  }
  EXPECT_GT(killed, 30);
}

TEST(SqliteCrashTest, APowerCutAfterAnyAcknowledgementLosesNothing) {
  const TempDir directory;
  FaultyVfs vfs;
  vfs.remember_syncs();
  auto store = open_sqlite_store({.directory = directory.path(),
                                  .wal_pages_background = 100'000,
                                  .wal_pages_max = 10,
                                  .vfs = vfs.name()})
                   .value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  for (int batch = 0; batch < kBatches; ++batch) {
    const ChangeSet changes = next_batch(build, batch);
    ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
    const TempDir after_the_cut;
    vfs.write_synced_files_to(after_the_cut.path());
    EXPECT_EQ(whole_batches(after_the_cut.path()), batch + 1);
  }
  EXPECT_GT(vfs.syncs_of("hearth.db"), 1) << "no checkpoint was part of this";
}

TEST(SqliteCrashTest, AFailedWriteIsNotDoneButAFailedSyncIsFatal) {
  const TempDir directory;
  FaultyVfs vfs;
  auto store = open_sqlite_store({.directory = directory.path(), .vfs = vfs.name()}).value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  const ChangeSet first = next_batch(build, 0);
  vfs.set_write_errors(true);
  const AppendOutcome failed = store->append({&first});
  EXPECT_EQ(failed.status, AppendStatus::NotDone);
  EXPECT_EQ(failed.error.kind, "storage_unavailable");
  vfs.set_write_errors(false);
  EXPECT_EQ(store->append({&first}).status, AppendStatus::Durable);

  const ChangeSet second = next_batch(build, 1);
  vfs.set_sync_errors(true);
  EXPECT_EQ(store->append({&second}).status, AppendStatus::Fatal);
  vfs.set_sync_errors(false);
  EXPECT_EQ(store->append({&second}).status, AppendStatus::Fatal) << "it must not go on";
}

// A batch larger than the page cache writes to the log before its COMMIT.
TEST(SqliteCrashTest, ADiskThatFillsUpInTheMiddleOfALargeBatchLeavesNothingOfIt) {
  const TempDir directory;
  FaultyVfs vfs;
  auto store = open_sqlite_store({.directory = directory.path(), .vfs = vfs.name()}).value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  for (int i = 0; i < 50; ++i) {
    build.submit({.spec = std::string(1 << 20, 's')});
  }
  const ChangeSet batch = build.take();
  vfs.set_full(true);
  EXPECT_EQ(store->append({&batch}).status, AppendStatus::NotDone);
  auto reader = store->reader().value();
  EXPECT_TRUE(reader->counts()->empty());
  vfs.set_full(false);
  EXPECT_EQ(store->append({&batch}).status, AppendStatus::Durable);
  EXPECT_EQ(reader->counts()->at(JobState::Queued), 50);
}

TEST(SqliteCrashTest, AFailedSyncOfACheckpointStopsTheStore) {
  const TempDir directory;
  FaultyVfs vfs;
  auto store = open_sqlite_store({.directory = directory.path(),
                                  .wal_pages_background = 100'000,
                                  .wal_pages_max = 1,
                                  .vfs = vfs.name()})
                   .value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  ChangeSet batch = next_batch(build, 0);
  ASSERT_EQ(store->append({&batch}).status, AppendStatus::Durable);
  vfs.fail_syncs_of("hearth.db");
  batch = next_batch(build, 1);
  EXPECT_EQ(store->append({&batch}).status, AppendStatus::Durable) << "the log was synced";
  batch = next_batch(build, 2);
  EXPECT_EQ(store->append({&batch}).status, AppendStatus::Fatal);
  store.reset();
  EXPECT_EQ(whole_batches(directory.path()), 2);
}

TEST(SqliteWalTest, StaysBoundedWithoutAnyIdleMoment) {
  const TempDir directory;
  const FaultyVfs vfs;
  constexpr std::int64_t kPagesMax = 64;
  auto store = open_sqlite_store({.directory = directory.path(),
                                  .wal_pages_background = 100'000,
                                  .wal_pages_max = kPagesMax,
                                  .vfs = vfs.name()})
                   .value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  std::uintmax_t largest = 0;
  for (int batch = 0; batch < 300; ++batch) {
    const ChangeSet changes = next_batch(build, batch);
    ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
    largest = std::max(largest, std::filesystem::file_size(directory.file("hearth.db-wal")));
  }
  EXPECT_LT(largest, static_cast<std::uintmax_t>(3 * kPagesMax * 8'192));
  EXPECT_GT(std::filesystem::file_size(directory.file("hearth.db")), 300U * 3'000U);
}

TEST(SqliteWalTest, IsMovedIntoTheDatabaseInTheBackground) {
  const TempDir directory;
  FaultyVfs vfs;
  auto store = open_sqlite_store({.directory = directory.path(),
                                  .wal_pages_background = 1,
                                  .wal_pages_max = 1'000'000,
                                  .vfs = vfs.name()})
                   .value();
  ASSERT_TRUE(store->recover());
  ChangeBuilder build;
  const std::int64_t before = vfs.syncs_of("hearth.db");
  for (int batch = 0; vfs.syncs_of("hearth.db") == before; ++batch) {
    ASSERT_LT(batch, 20'000) << "no checkpoint came";
    const ChangeSet changes = next_batch(build, batch);
    ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
  }
}

TEST(SqliteSecretsTest, AreNotInAnyFileOnceTheirJobEndedAndTheLogIsMoved) {
  const TempDir directory;
  const std::string secret = "correct horse battery staple";
  const auto in_files = [&] {
    bool found = false;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      const auto content = read_file(entry.path(), 1 << 30).value();
      found = found || content.find(secret) != std::string::npos;
    }
    return found;
  };
  ChangeBuilder build;
  JobId job;
  {
    auto store = open_sqlite_store({.directory = directory.path()}).value();
    ASSERT_TRUE(store->recover());
    job = build.submit({.secrets = secret});
    const ChangeSet changes = build.take();
    ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
  }
  EXPECT_TRUE(in_files());
  {
    auto store = open_sqlite_store({.directory = directory.path()}).value();
    ASSERT_TRUE(store->recover());
    build.end(job);
    const ChangeSet changes = build.take();
    ASSERT_EQ(store->append({&changes}).status, AppendStatus::Durable);
  }
  EXPECT_FALSE(in_files());
}

}  // namespace
}  // namespace hearth::store
