#include "store/sqlite/token_rows.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/sqlite/checkpointer.h"
#include "store/sqlite/database.h"

namespace hearth::store::sqlite {
namespace {

// The writer of jobs holds the database for one commit at a time.
constexpr int kBusyMs = 5'000;

std::optional<TimePoint> time_of(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(time_from_ms(row.integer(column)));
}

Result<auth::TokenRecord> record_of(const Statement& row, const std::string& path) {
  auth::TokenRecord token;
  token.id = auth::TokenId(std::string(row.bytes(0)));
  const std::int64_t kind = row.integer(1);
  const std::string_view hash = row.bytes(4);
  if (kind < 0 || kind > static_cast<std::int64_t>(auth::TokenKind::Session) ||
      hash.size() != token.hash.size()) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "read token " + token.id.value() + " from " + path +
                            ": its row is damaged; restore the data directory from a backup"};
  }
  token.kind = static_cast<auth::TokenKind>(kind);
  token.name = row.bytes(2);
  token.scopes = auth::Scopes::from_bits(static_cast<std::uint32_t>(row.integer(3)));
  std::transform(hash.begin(), hash.end(), token.hash.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  token.agent = row.bytes(5);
  token.parent = auth::TokenId(std::string(row.bytes(6)));
  token.created_at = time_from_ms(row.integer(7));
  token.expires_at = time_of(row, 8);
  token.revoked_at = time_of(row, 9);
  token.uses_max = row.integer(10);
  token.uses = row.integer(11);
  return token;
}

class SqliteTokenStore final : public TokenStore {
 public:
  explicit SqliteTokenStore(Database database) : database_(std::move(database)) {}

  Result<> prepare() {
    HEARTH_ASSIGN(put_,
                  database_.prepare("INSERT OR REPLACE INTO tokens(id, kind, name, scopes, hash, "
                                    "agent, parent, created_at, expires_at, revoked_at, uses_max, "
                                    "uses) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"));
    HEARTH_ASSIGN(erase_, database_.prepare("DELETE FROM tokens WHERE id = ?"));
    return {};
  }

  Result<std::vector<auth::TokenRecord>> load() override {
    HEARTH_ASSIGN(Statement select,
                  database_.prepare("SELECT id, kind, name, scopes, hash, agent, parent, "
                                    "created_at, expires_at, revoked_at, uses_max, uses "
                                    "FROM tokens ORDER BY id"));
    std::vector<auth::TokenRecord> tokens;
    int code = SQLITE_OK;
    while ((code = select.step()) == SQLITE_ROW) {
      HEARTH_ASSIGN(auth::TokenRecord token, record_of(select, database_.path()));
      tokens.push_back(std::move(token));
    }
    if (code != SQLITE_DONE) {
      return database_.error("read tokens from");
    }
    return tokens;
  }

  AppendOutcome write(const auth::TokenChanges& changes) override;

 private:
  int write_rows(const auth::TokenChanges& changes);
  int put(const auth::TokenRecord& token);

  Database database_;
  Statement put_;
  Statement erase_;
  bool broken_ = false;
};

AppendOutcome SqliteTokenStore::write(const auth::TokenChanges& changes) {
  if (broken_) {
    return {.status = AppendStatus::Fatal,
            .error = internal_error("write tokens to " + database_.path() +
                                    ": an earlier write failed for good; restart to recover")};
  }
  if (changes.empty()) {
    return {};
  }
  int code = sqlite3_exec(database_.handle(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) {
    code = write_rows(changes);
  }
  if (code == SQLITE_OK) {
    code = sqlite3_exec(database_.handle(), "COMMIT", nullptr, nullptr, nullptr);
  }
  if (code == SQLITE_OK) {
    return {};
  }
  Error error = database_.error("write tokens to");
  error.kind = "storage_unavailable";
  const bool open = sqlite3_get_autocommit(database_.handle()) == 0;
  broken_ = (open && !database_.execute("ROLLBACK")) || is_fatal(code);
  return {.status = broken_ ? AppendStatus::Fatal : AppendStatus::NotDone,
          .error = std::move(error)};
}

int SqliteTokenStore::write_rows(const auth::TokenChanges& changes) {
  for (const auth::TokenId& id : changes.erase) {
    if (const int code = erase_.bind_text(1, id.value()).run(); code != SQLITE_OK) {
      return code;
    }
  }
  for (const auth::TokenRecord& token : changes.put) {
    if (const int code = put(token); code != SQLITE_OK) {
      return code;
    }
  }
  return SQLITE_OK;
}

int SqliteTokenStore::put(const auth::TokenRecord& token) {
  const auto bind_time = [this](int parameter, const std::optional<TimePoint>& time) {
    time ? put_.bind(parameter, to_ms(*time)) : put_.bind_null(parameter);
  };
  const std::string hash(token.hash.begin(), token.hash.end());
  put_.bind_text(1, token.id.value())
      .bind(2, static_cast<std::int64_t>(token.kind))
      .bind_text(3, token.name)
      .bind(4, static_cast<std::int64_t>(token.scopes.bits()))
      .bind_blob(5, hash)
      .bind_text(6, token.agent)
      .bind_text(7, token.parent.value())
      .bind(8, to_ms(token.created_at));
  bind_time(9, token.expires_at);
  bind_time(10, token.revoked_at);
  return put_.bind(11, token.uses_max).bind(12, token.uses).run();
}

}  // namespace

Result<std::unique_ptr<TokenStore>> open_token_store(const std::string& path,
                                                     const std::string& vfs) {
  HEARTH_ASSIGN(Database database, Database::open(path, SQLITE_OPEN_READWRITE, vfs));
  sqlite3_busy_timeout(database.handle(), kBusyMs);
  HEARTH_TRY(database.execute(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = ON"));
  auto store = std::make_unique<SqliteTokenStore>(std::move(database));
  HEARTH_TRY(store->prepare());
  return std::unique_ptr<TokenStore>(std::move(store));
}

}  // namespace hearth::store::sqlite
