#include "store/sqlite/remover.h"

#include <string>
#include <utility>

namespace hearth::store::sqlite {

Result<Remover> Remover::create(Database& database) {
  Remover remover;
  remover.handle_ = database.handle();
  const std::pair<Statement*, std::string_view> statements[] = {
      {&remover.begin_, "BEGIN IMMEDIATE"},
      {&remover.commit_, "COMMIT"},
      {&remover.find_, "SELECT state FROM jobs WHERE id = ?"},
      {&remover.count_down_, "UPDATE ended SET jobs = max(jobs - 1, 0) WHERE state = ?"},
      {&remover.bytes_down_, "UPDATE meta SET output_bytes = max(output_bytes - ?, 0)"},
      {&remover.key_,
       "DELETE FROM idempotency WHERE key = "
       "(SELECT idempotency_key FROM payloads WHERE job = ?1) AND job = ?1"},
      {&remover.finished_, "DELETE FROM finished WHERE seq = ?"},
      {&remover.events_, "DELETE FROM events WHERE seq <= ?"},
      {&remover.settle_callback_, "DELETE FROM callbacks WHERE job = ?"},
      {&remover.mark_events_, "UPDATE meta SET events_removed = max(events_removed, ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    HEARTH_ASSIGN(*statement, database.prepare(sql));
  }
  for (const std::string_view sql :
       {"DELETE FROM payloads WHERE job = ?", "DELETE FROM secrets WHERE job = ?",
        "DELETE FROM labels WHERE job = ?", "DELETE FROM attempts WHERE job = ?",
        "DELETE FROM outputs WHERE job = ?", "DELETE FROM callbacks WHERE job = ?",
        "DELETE FROM jobs WHERE id = ?"}) {
    HEARTH_ASSIGN(Statement statement, database.prepare(sql));
    remover.by_job_.push_back(std::move(statement));
  }
  return remover;
}

int Remover::commit(const Removal& removal, std::vector<RemovedJob>& removed) {
  int code = begin_.run();
  for (auto job = removal.jobs.begin(); code == SQLITE_OK && job != removal.jobs.end(); ++job) {
    code = remove_job(*job, removed);
  }
  for (auto job = removal.callbacks.begin(); code == SQLITE_OK && job != removal.callbacks.end();
       ++job) {
    code = settle_callback_.bind(1, to_rowid(*job)).run();
  }
  if (code == SQLITE_OK && !removal.events_through.empty()) {
    const auto through = static_cast<std::int64_t>(removal.events_through.value());
    code = events_.bind(1, through).run();
    if (code == SQLITE_OK) {
      code = mark_events_.bind(1, through).run();
    }
  }
  if (code == SQLITE_OK && removal.give_back_pages > 0) {
    code = give_back(removal.give_back_pages);
  }
  return code == SQLITE_OK ? commit_.run() : code;
}

int Remover::remove_job(const FinishedJob& job, std::vector<RemovedJob>& removed) {
  const int code = find_.bind(1, to_rowid(job.id)).step();
  const auto state = static_cast<JobState>(code == SQLITE_ROW ? find_.integer(0) : 0);
  find_.reset();
  if (code == SQLITE_DONE) {
    return finished_.bind(1, static_cast<std::int64_t>(job.seq.value())).run();
  }
  if (code != SQLITE_ROW || !is_final(state)) {
    return code != SQLITE_ROW ? code : SQLITE_CONSTRAINT;
  }
  removed.push_back({.id = job.id, .state = state});
  return remove_rows(job, state);
}

int Remover::remove_rows(const FinishedJob& job, JobState state) {
  int code = key_.bind(1, to_rowid(job.id)).run();
  for (auto each = by_job_.begin(); code == SQLITE_OK && each != by_job_.end(); ++each) {
    code = each->bind(1, to_rowid(job.id)).run();
  }
  if (code == SQLITE_OK) {
    code = finished_.bind(1, static_cast<std::int64_t>(job.seq.value())).run();
  }
  if (code == SQLITE_OK) {
    code = count_down_.bind(1, static_cast<std::int64_t>(state)).run();
  }
  if (code == SQLITE_OK && job.output_bytes > 0) {
    code = bytes_down_.bind(1, job.output_bytes).run();
  }
  return code;
}

// Moves pages from the end of the file to free ones: at most so many, so that a commit that waits
// behind it does not wait long. Without effect in a database that was not made for it.
int Remover::give_back(std::int64_t pages) {
  const std::string sql = "PRAGMA incremental_vacuum(" + std::to_string(pages) + ")";
  return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
}

}  // namespace hearth::store::sqlite
