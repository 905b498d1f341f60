// Moves the write-ahead log into the database on a thread and connection of its own, so that
// commits do not stall for it: a passive checkpoint takes no lock that a writer needs.
//
// A failed sync here is as final as one of a commit: the kernel may have dropped the pages while
// the log that still holds them is reused. failed() then says so for good.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/histogram.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/sqlite/database.h"

namespace hearth::store::sqlite {

class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> start(const std::string& path,
                                                     const std::string& vfs);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // One checkpoint, soon. Requests while one runs are one more.
  void request();
  [[nodiscard]] bool failed() const { return failed_.load(); }
  // How long each took, also of those that others make.
  [[nodiscard]] Histogram& times() { return times_; }

 private:
  explicit Checkpointer(Database database) : database_(std::move(database)) {}
  void run();
  // Waits for a request; false when it is time to stop.
  bool next();

  Database database_;  // used by thread_ only, once that runs
  Mutex mutex_;
  Condition changed_;
  bool wanted_ HEARTH_GUARDED_BY(mutex_) = false;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  std::atomic<bool> failed_{false};
  Histogram times_;
  std::thread thread_;
};

// A passive checkpoint; its code, and its time into `times`.
int checkpoint(sqlite3* database, Histogram& times);

// For good: a sync failed, or the file is damaged. Everything else left no trace, or one that the
// next commit overwrites.
bool is_fatal(int extended_code);

}  // namespace hearth::store::sqlite
