// A thin hold on SQLite's C interface: handles that close themselves, values in and out, extended
// result codes passed on as they are. Internal to sqlite/.
//
// Not thread-safe: one connection and its statements belong to one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/ids.h"

namespace hearth::store::sqlite {

// JobId as SQLite's signed rowid, order preserved.
inline std::int64_t to_rowid(JobId id) {
  return static_cast<std::int64_t>(id.value() ^ (std::uint64_t{1} << 63U));
}
inline JobId from_rowid(std::int64_t rowid) {
  return JobId(static_cast<std::uint64_t>(rowid) ^ (std::uint64_t{1} << 63U));
}

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  // Parameters count from 1. Bytes are borrowed until the next reset() or run().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_text(int parameter, std::string_view text);
  Statement& bind_null(int parameter);

  // SQLITE_ROW, SQLITE_DONE or an extended error code.
  int step();
  // To the end, then reset: SQLITE_OK or an extended error code.
  int run();
  // Ends the statement, and with it its snapshot. Always before it goes back to its owner.
  void reset();

  // Columns count from 0; views hold until the next step() or reset().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Resets a borrowed statement at the end of the scope, on every path.
class StatementUse {
 public:
  explicit StatementUse(Statement& statement) : statement_(statement) {}
  ~StatementUse() { statement_.reset(); }
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  Statement* operator->() { return &statement_; }

 private:
  Statement& statement_;
};

class Database {
 public:
  // `flags` are SQLITE_OPEN_…; `vfs` empty: the system's.
  static Result<Database> open(const std::string& path, int flags, const std::string& vfs);

  // Kept for the life of the connection.
  Result<Statement> prepare(std::string_view sql);
  Result<> execute(const std::string& sql);
  // The first column of the first row, 0 without a row.
  Result<std::int64_t> query_integer(const std::string& sql);

  // The error of the latest call, with the sentence that says what to do about it.
  [[nodiscard]] Error error(std::string_view what) const;
  [[nodiscard]] sqlite3* handle() const { return database_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  Database(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace hearth::store::sqlite
