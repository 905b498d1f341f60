// The embedded store: one SQLite database in the data directory, in WAL mode with every commit
// synced. One process at a time: the directory is locked while the store lives.
//
// append() and recover() belong to one thread; reader() may be called from any, each Reader then
// belongs to one. A thread of the store's own moves the write-ahead log into the database between
// commits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/store.h"

namespace hearth::store {

struct SqliteOptions {
  std::string directory;  // made with mode 0700 if it is missing
  // The log is moved into the database in the background from this many pages (of 8 KiB) on, and
  // by the writer itself, so that it is bounded, from the second many on.
  std::int64_t wal_pages_background = 1'000;
  std::int64_t wal_pages_max = 8'000;
  std::string vfs;  // SQLite's name of it; empty: the system's. For fault injection in tests
};

// Errors, each with its remedy: FailedPrecondition (the directory is another process's, or the
// database a newer version's), PermissionDenied (names the path), DataLoss (damaged).
Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options);

}  // namespace hearth::store
