#include "store/sqlite/sqlite_store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

#include "store/sqlite/checkpointer.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/remover.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/token_rows.h"
#include "store/sqlite/writer.h"
#include "wire/job_codec.h"

namespace hearth::store {
namespace {

using sqlite::Checkpointer;
using sqlite::Database;
using sqlite::Remover;
using sqlite::Statement;
using sqlite::Writer;

class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteOptions options, FileLock lock, Database database, Writer writer,
              Remover remover, std::unique_ptr<Checkpointer> checkpointer)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        database_(std::move(database)),
        writer_(std::move(writer)),
        remover_(std::move(remover)),
        checkpointer_(std::move(checkpointer)) {
    sqlite3_wal_hook(database_.handle(), &SqliteStore::on_wal_pages, this);
  }

  Result<Recovery> recover() override;
  AppendOutcome append(const std::vector<const ChangeSet*>& changes) override;
  RemoveOutcome remove(const Removal& removal) override;
  Result<std::unique_ptr<Reader>> reader() override {
    return sqlite::open_reader(database_.path(), options_.vfs);
  }
  [[nodiscard]] StoreStats stats() const override;
  Result<std::unique_ptr<TokenStore>> tokens() override {
    return sqlite::open_token_store(database_.path(), options_.vfs);
  }

 private:
  static int on_wal_pages(void* self, sqlite3* /*database*/, const char* /*name*/, int pages) {
    static_cast<SqliteStore*>(self)->wal_pages_ = pages;
    return SQLITE_OK;
  }
  [[nodiscard]] bool is_broken() const { return broken_ || checkpointer_->failed(); }
  AppendOutcome broken();
  AppendOutcome fatal(Error error);
  AppendOutcome failed(int code);
  void bound_wal();
  void count_commit();

  const SqliteOptions options_;
  const FileLock lock_;
  Database database_;
  Writer writer_;
  Remover remover_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::int64_t wal_pages_ = 0;
  bool broken_ = false;
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> rows_{0};
};

Result<std::vector<LiveJobRow>> load_live_jobs(Database& database) {
  HEARTH_ASSIGN(Statement select,
                database.prepare("SELECT j.record, p.spec, p.idempotency_key, j.id "
                                 "FROM jobs AS j INDEXED BY jobs_state CROSS JOIN payloads AS p "
                                 "WHERE j.state < 4 AND p.job = j.id"));
  static_assert(static_cast<int>(JobState::Completed) == 4);
  std::vector<LiveJobRow> jobs;
  int code = SQLITE_OK;
  while ((code = select.step()) == SQLITE_ROW) {
    Result<JobRecord> record = wire::decode_job_record(select.bytes(0));
    if (!record) {
      return record.error().with_context("recover job " +
                                         to_string(sqlite::from_rowid(select.integer(3))) +
                                         " from " + database.path());
    }
    jobs.push_back({.record = std::move(*record),
                    .spec = std::string(select.bytes(1)),
                    .idempotency_key = std::string(select.bytes(2))});
  }
  if (code != SQLITE_DONE) {
    return database.error("recover jobs from");
  }
  std::ranges::sort(jobs, {}, [](const LiveJobRow& row) { return row.record.id; });
  return jobs;
}

Result<std::vector<AgentRecord>> load_agents(Database& database) {
  HEARTH_ASSIGN(Statement select, database.prepare("SELECT record FROM agents ORDER BY id"));
  std::vector<AgentRecord> agents;
  int code = SQLITE_OK;
  while ((code = select.step()) == SQLITE_ROW) {
    HEARTH_ASSIGN(AgentRecord agent, wire::decode_agent_record(select.bytes(0)));
    agents.push_back(std::move(agent));
  }
  if (code != SQLITE_DONE) {
    return database.error("recover agents from");
  }
  return agents;
}

Result<Recovery> SqliteStore::recover() {
  HEARTH_TRY(database_.execute("UPDATE meta SET controller_epoch = controller_epoch + 1"));
  Recovery recovery;
  {
    HEARTH_ASSIGN(Statement meta,
                  database_.prepare("SELECT controller_epoch, last_seq, last_job FROM meta"));
    if (meta.step() != SQLITE_ROW) {
      return database_.error("recover from");
    }
    recovery.controller_epoch = static_cast<std::uint64_t>(meta.integer(0));
    recovery.last_seq = EventSeq(static_cast<std::uint64_t>(meta.integer(1)));
    recovery.last_job_id = sqlite::from_rowid(meta.integer(2));
  }
  HEARTH_ASSIGN(recovery.jobs, load_live_jobs(database_));
  HEARTH_ASSIGN(recovery.agents, load_agents(database_));
  return recovery;
}

AppendOutcome SqliteStore::fatal(Error error) {
  broken_ = true;
  return {.status = AppendStatus::Fatal, .error = std::move(error)};
}

AppendOutcome SqliteStore::broken() {
  return fatal(internal_error("append to " + database_.path() +
                              ": an earlier write failed for good; restart to recover"));
}

AppendOutcome SqliteStore::append(const std::vector<const ChangeSet*>& changes) {
  if (is_broken()) {
    return broken();
  }
  Result<MergedChanges> merged = merge(changes);
  if (!merged) {
    return fatal(std::move(merged).error());
  }
  if (merged->empty()) {
    return {};
  }
  if (const int code = writer_.commit(*merged); code != SQLITE_OK) {
    return failed(code);
  }
  count_commit();
  bound_wal();
  return {};
}

RemoveOutcome SqliteStore::remove(const Removal& removal) {
  if (is_broken()) {
    return {.outcome = broken(), .jobs = {}};
  }
  RemoveOutcome done;
  if (const int code = remover_.commit(removal, done.jobs); code != SQLITE_OK) {
    return {.outcome = failed(code), .jobs = {}};
  }
  count_commit();
  bound_wal();
  return done;
}

// A commit that failed is not visible to this process and its frames are overwritten by the next
// one. After a kill in between, recovery may find it complete after all: harmless, since the caller
// appends the same batch before anything else. Only a failed sync leaves the state of the disk
// unknown to this process.
AppendOutcome SqliteStore::failed(int code) {
  Error error = code == SQLITE_CONSTRAINT
                    ? internal_error("append to " + database_.path() +
                                     ": a change names a job that is not stored, or takes "
                                     "one away that has not ended")
                    : database_.error("append to");
  if (sqlite3_get_autocommit(database_.handle()) == 0 && !database_.execute("ROLLBACK")) {
    return fatal(std::move(error));
  }
  if (sqlite::is_fatal(code)) {
    return fatal(std::move(error));
  }
  error.kind = "storage_unavailable";
  return {.status = AppendStatus::NotDone, .error = std::move(error)};
}

void SqliteStore::count_commit() {
  commits_.fetch_add(1, std::memory_order_relaxed);
  rows_.store(static_cast<std::uint64_t>(sqlite3_total_changes64(database_.handle())),
              std::memory_order_relaxed);
}

StoreStats SqliteStore::stats() const {
  const auto bytes_of = [](const std::string& path) {
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(path, missing);
    return missing ? std::int64_t{0} : static_cast<std::int64_t>(bytes);
  };
  return {.commits = commits_.load(),
          .rows = rows_.load(),
          .checkpoint = checkpointer_->times().snapshot(),
          .database_bytes = bytes_of(database_.path()),
          .log_bytes = bytes_of(database_.path() + "-wal")};
}

void SqliteStore::bound_wal() {
  if (wal_pages_ >= options_.wal_pages_max) {
    const int code = sqlite::checkpoint(database_.handle(), checkpointer_->times());
    // The append itself is durable in the log; only the next one must not build on this.
    broken_ = code != SQLITE_OK && sqlite::is_fatal(sqlite3_extended_errcode(database_.handle()));
  } else if (wal_pages_ >= options_.wal_pages_background) {
    checkpointer_->request();
  }
}

// A database that was not made for giving space back is rewritten once, which needs as much free
// space as it has bytes. Where that fails its space is still used again, and the next start tries
// anew.
void rebuild_for_vacuum(Database& database) {
  const Result<std::int64_t> mode = database.query_integer("PRAGMA auto_vacuum");
  if (mode && *mode == 0) {
    (void)database.execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
    (void)database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
}

Result<Database> open_writer(const SqliteOptions& options) {
  HEARTH_ASSIGN(Database database, Database::open(sqlite::database_path(options.directory),
                                                  SQLITE_OPEN_READWRITE, options.vfs));
  sqlite3_busy_timeout(database.handle(), 1'000);
  HEARTH_ASSIGN(const std::int64_t version, sqlite::check_schema_version(database));
  HEARTH_TRY(database.execute(
      "PRAGMA page_size = " + std::to_string(sqlite::kPageBytes) +
      "; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
      "PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF; "
      "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; "
      "PRAGMA cache_size = -32768; PRAGMA journal_size_limit = " +
      std::to_string(options.wal_pages_max * sqlite::kPageBytes)));
  HEARTH_ASSIGN(const std::int64_t is_wal,
                database.query_integer("SELECT journal_mode = 'wal' FROM pragma_journal_mode"));
  if (is_wal == 0) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "open " + database.path() +
                            ": its file system cannot hold SQLite's write-ahead log (no shared "
                            "memory, as on some network file systems); choose a local directory"};
  }
  HEARTH_TRY(sqlite::migrate(database, version));
  rebuild_for_vacuum(database);
  return database;
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options) {
  HEARTH_ASSIGN(FileLock lock, sqlite::prepare_data_directory(options.directory));
  HEARTH_ASSIGN(Database database, open_writer(options));
  HEARTH_ASSIGN(Writer writer, Writer::create(database));
  HEARTH_ASSIGN(Remover remover, Remover::create(database));
  HEARTH_ASSIGN(auto checkpointer, Checkpointer::start(database.path(), options.vfs));
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(
      options, std::move(lock), std::move(database), std::move(writer), std::move(remover),
      std::move(checkpointer)));
}

}  // namespace hearth::store
