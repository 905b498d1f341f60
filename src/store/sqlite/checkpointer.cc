#include "store/sqlite/checkpointer.h"

#include <utility>

#include "base/clock.h"

namespace hearth::store::sqlite {

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(const std::string& path,
                                                          const std::string& vfs) {
  HEARTH_ASSIGN(Database database, Database::open(path, SQLITE_OPEN_READWRITE, vfs));
  HEARTH_TRY(database.execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0"));
  std::unique_ptr<Checkpointer> checkpointer(new Checkpointer(std::move(database)));
  checkpointer->thread_ = std::thread([self = checkpointer.get()] { self->run(); });
  return checkpointer;
}

Checkpointer::~Checkpointer() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Checkpointer::request() {
  {
    const MutexLock lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

bool Checkpointer::next() {
  const MutexLock lock(mutex_);
  while (!wanted_ && !stopping_) {
    changed_.wait(mutex_);
  }
  wanted_ = false;
  return !stopping_;
}

void Checkpointer::run() {
  while (next()) {
    const int code = checkpoint(database_.handle(), times_);
    if (code != SQLITE_OK && is_fatal(sqlite3_extended_errcode(database_.handle()))) {
      failed_.store(true);
    }
  }
}

int checkpoint(sqlite3* database, Histogram& times) {
  SystemClock clock;
  const std::int64_t started = clock.monotonic_ns();
  const int code =
      sqlite3_wal_checkpoint_v2(database, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  times.observe_ns(clock.monotonic_ns() - started);
  return code;
}

bool is_fatal(int extended_code) {
  switch (extended_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return false;
    case SQLITE_IOERR:
      return extended_code != SQLITE_IOERR_WRITE && extended_code != SQLITE_IOERR_READ &&
             extended_code != SQLITE_IOERR_NOMEM && extended_code != SQLITE_IOERR_LOCK;
    default:
      return true;
  }
}

}  // namespace hearth::store::sqlite
