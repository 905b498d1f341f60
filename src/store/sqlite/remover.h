// Takes finished jobs and old events out, on the store's one writing connection. Internal to
// sqlite/.
#pragma once

#include <vector>

#include "base/result.h"
#include "model/retention.h"
#include "store/sqlite/database.h"
#include "store/store.h"

namespace hearth::store::sqlite {

class Remover {
 public:
  static Result<Remover> create(Database& database);

  // BEGIN IMMEDIATE, the rows, COMMIT. SQLITE_OK when durable, otherwise an extended code; the
  // caller rolls back. SQLITE_CONSTRAINT: a job has not ended.
  int commit(const Removal& removal, std::vector<RemovedJob>& removed);

 private:
  int remove_job(const FinishedJob& job, std::vector<RemovedJob>& removed);
  int remove_rows(const FinishedJob& job, JobState state);
  int give_back(std::int64_t pages);

  sqlite3* handle_ = nullptr;
  Statement begin_;
  Statement commit_;
  Statement find_;
  Statement count_down_;
  Statement bytes_down_;
  Statement key_;
  std::vector<Statement> by_job_;
  Statement finished_;
  Statement events_;
  Statement mark_events_;
  Statement settle_callback_;
};

}  // namespace hearth::store::sqlite
