#include "store/sqlite/database.h"

#include <utility>

namespace hearth::store::sqlite {
namespace {

struct Advice {
  ErrorCode code;
  std::string_view sentence;
};

Advice advice_for(int primary_code) {
  switch (primary_code) {
    case SQLITE_FULL:
      return {ErrorCode::Unavailable, "free space on its file system"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorCode::PermissionDenied, "make the data directory writable for this user"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::PermissionDenied,
              "make the data directory readable and writable for this user"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::Unavailable, "end whatever else has the database open"};
    case SQLITE_IOERR:
      return {ErrorCode::Unavailable, "look at the disk's health and the kernel's log"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::DataLoss, "the file is damaged: restore the data directory from a backup"};
    default:
      return {ErrorCode::Internal, ""};
  }
}

}  // namespace

Statement& Statement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

// An empty view may have no data pointer, which SQLite would take for NULL.
Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_text(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  sqlite3_bind_null(statement_.get(), parameter);
  return *this;
}

int Statement::step() {
  return sqlite3_step(statement_.get());
}

int Statement::run() {
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) {
    code = sqlite3_step(statement_.get());
  }
  sqlite3_reset(statement_.get());
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path, int flags, const std::string& vfs) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX,
                                   vfs.empty() ? nullptr : vfs.c_str());
  Database database(handle, path);
  if (handle == nullptr) {
    return internal_error("open " + path + ": out of memory");
  }
  if (code != SQLITE_OK) {
    return database.error("open");
  }
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return error("prepare \"" + std::string(sql) + "\" on");
  }
  return Statement(statement);
}

Result<> Database::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error("run \"" + sql.substr(0, 60) + "\" on");
  }
  return {};
}

Result<std::int64_t> Database::query_integer(const std::string& sql) {
  HEARTH_ASSIGN(Statement statement, prepare(sql));
  const int code = statement.step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    return error("run \"" + sql + "\" on");
  }
  return code == SQLITE_ROW ? statement.integer(0) : 0;
}

Error Database::error(std::string_view what) const {
  const int code = sqlite3_extended_errcode(database_.get());
  const Advice advice = advice_for(code & 0xff);
  Error error{.code = advice.code,
              .message = std::string(what) + " " + path_ + ": " + sqlite3_errmsg(database_.get()) +
                         " (SQLite " + std::to_string(code) + ")",
              .sys_errno = sqlite3_system_errno(database_.get())};
  if (!advice.sentence.empty()) {
    error.message += "; " + std::string(advice.sentence);
  }
  return error;
}

}  // namespace hearth::store::sqlite
