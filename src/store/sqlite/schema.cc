#include "store/sqlite/schema.h"

#include <array>
#include <string>

namespace hearth::store::sqlite {
namespace {

// `jobs` is the hot table: one narrow row, rewritten at every transition, so only columns that a
// filter needs stand beside the record. `state` is its only index that changes with a transition;
// (state, id) also finds the live jobs for recovery. Names of columns that are NULL when empty are
// left out of their partial index. `secrets` is apart from `payloads`, so that erasing a secret
// does not rewrite a megabyte of standard input. `ended` counts ends by state; live jobs are few
// enough to be counted by index. Record blobs are wire/job_codec.h's.
constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE meta(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  controller_epoch INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  last_job INTEGER NOT NULL);
INSERT INTO meta VALUES(1, 0, 0, -9223372036854775808);
CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  queue TEXT NOT NULL,
  name TEXT,
  record BLOB NOT NULL);
CREATE INDEX jobs_state ON jobs(state);
CREATE INDEX jobs_queue ON jobs(queue);
CREATE INDEX jobs_name ON jobs(name) WHERE name IS NOT NULL;
CREATE TABLE payloads(
  job INTEGER PRIMARY KEY,
  idempotency_key BLOB,
  spec BLOB NOT NULL);
CREATE TABLE secrets(
  job INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL);
CREATE TABLE labels(
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY(name, value, job)) WITHOUT ROWID;
CREATE TABLE idempotency(
  key BLOB PRIMARY KEY,
  job INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE attempts(
  job INTEGER NOT NULL,
  number INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY(job, number)) WITHOUT ROWID;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  record BLOB NOT NULL);
CREATE INDEX events_job ON events(job);
CREATE TABLE agents(
  id TEXT PRIMARY KEY,
  record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outputs(
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY(job, attempt, stream)) WITHOUT ROWID;
CREATE TABLE ended(
  state INTEGER PRIMARY KEY,
  jobs INTEGER NOT NULL);
)sql";

// `hash` is of the secret; the secret itself is nowhere (auth/token.h).
constexpr std::string_view kVersion2 = R"sql(
CREATE TABLE tokens(
  id TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  hash BLOB NOT NULL,
  agent TEXT NOT NULL,
  parent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  uses_max INTEGER NOT NULL,
  uses INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// `finished` is the order in which jobs ended, for retention: rows are added at one end and taken
// from the other. What jobs wrote that ended before this version is not counted in bytes; they go
// by age and count. `events_removed` is the last seq that was taken away.
constexpr std::string_view kVersion3 = R"sql(
CREATE TABLE finished(
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  at INTEGER NOT NULL,
  output_bytes INTEGER NOT NULL);
INSERT INTO finished SELECT e.seq, e.job, e.at, 0 FROM events AS e WHERE e.kind = 7;
CREATE INDEX labels_job ON labels(job);
ALTER TABLE meta ADD COLUMN output_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN events_removed INTEGER NOT NULL DEFAULT 0;
)sql";

// `callbacks` are owed: jobs that have ended and whose callback is neither delivered nor given up.
constexpr std::string_view kVersion4 = R"sql(
CREATE TABLE callbacks(
  job INTEGER PRIMARY KEY);
)sql";

constexpr std::array kMigrations = {kVersion1, kVersion2, kVersion3, kVersion4};

}  // namespace

std::span<const std::string_view> migrations() {
  return kMigrations;
}

std::int64_t schema_version_latest() {
  return static_cast<std::int64_t>(migrations().size());
}

Result<std::int64_t> check_schema_version(Database& database) {
  HEARTH_ASSIGN(const std::int64_t version, database.query_integer("PRAGMA user_version"));
  HEARTH_ASSIGN(const std::int64_t application, database.query_integer("PRAGMA application_id"));
  HEARTH_ASSIGN(const std::int64_t objects,
                database.query_integer("SELECT count(*) FROM sqlite_master"));
  if (application != kApplicationId && (application != 0 || objects != 0)) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "open " + database.path() +
                            ": it is another program's database; choose another data directory"};
  }
  if (version > schema_version_latest()) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "open " + database.path() + ": it has schema version " +
                            std::to_string(version) +
                            ", written by a newer hearth; this one knows "
                            "versions up to " +
                            std::to_string(schema_version_latest()) +
                            ". Start the newer hearth, or choose another data directory. Nothing "
                            "was changed"};
  }
  return version;
}

Result<> migrate(Database& database, std::int64_t from) {
  for (std::int64_t version = from; version < schema_version_latest(); ++version) {
    const auto step = migrations()[static_cast<std::size_t>(version)];
    Result<> done =
        database.execute("BEGIN IMMEDIATE; " + std::string(step) +
                         "PRAGMA application_id = " + std::to_string(kApplicationId) +
                         "; PRAGMA user_version = " + std::to_string(version + 1) + "; COMMIT");
    if (!done) {
      if (sqlite3_get_autocommit(database.handle()) == 0) {
        (void)database.execute("ROLLBACK");
      }
      return done.error().with_context("migrate to schema version " + std::to_string(version + 1));
    }
  }
  return {};
}

}  // namespace hearth::store::sqlite
