// Writes merged changes as rows, on the store's one writing connection. Internal to sqlite/.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/merged_changes.h"
#include "store/sqlite/database.h"

namespace hearth::store::sqlite {

class Writer {
 public:
  static Result<Writer> create(Database& database);

  // BEGIN IMMEDIATE, the rows, COMMIT. SQLITE_OK when durable, otherwise an extended code; the
  // caller rolls back. SQLITE_CONSTRAINT: the changes contradict what is stored.
  int commit(const MergedChanges& changes);

 private:
  int write_jobs(const MergedChanges& changes);
  int insert_job(const MergedJob& job, std::string_view record);
  int update_job(const MergedJob& job, std::string_view record);
  int write_events(const MergedChanges& changes);
  int write_rest(const MergedChanges& changes);
  int write_ends(const MergedChanges& changes);
  int output_bytes(JobId job, std::int64_t& bytes);
  int write_meta(const MergedChanges& changes);

  sqlite3* handle_ = nullptr;
  std::vector<std::string> records_;  // of the batch's events, encoded once for log and row
  Statement begin_;
  Statement commit_;
  Statement insert_job_;
  Statement update_job_;
  Statement insert_payload_;
  Statement insert_secrets_;
  Statement erase_secrets_;
  Statement insert_label_;
  Statement insert_key_;
  Statement count_ended_;
  Statement insert_event_;
  Statement put_attempt_;
  Statement put_agent_;
  Statement put_output_;
  Statement update_meta_;
  Statement select_attempts_;
  Statement insert_finished_;
  Statement add_output_;
  Statement owe_callback_;
};

}  // namespace hearth::store::sqlite
