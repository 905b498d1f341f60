// Moves the write-ahead log into the database on a thread and connection of its own, so that
// commits do not stall for it: a passive checkpoint takes no lock that a writer needs.
//
// A failed sync here is as final as one of a commit: the kernel may have dropped the pages while
// the log that still holds them is reused. failed() then says so for good.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

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

 private:
  explicit Checkpointer(Database database) : database_(std::move(database)) {}
  void run();

  Database database_;  // used by thread_ only, once that runs
  std::mutex mutex_;   // guards wanted_ and stopping_
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

// For good: a sync failed, or the file is damaged. Everything else left no trace, or one that the
// next commit overwrites.
bool is_fatal(int extended_code);

}  // namespace hearth::store::sqlite
