// SQLite's view of the disk with faults: the system's files behind a counter of writes and syncs
// that can fail, end the process, or forget what was never synced.
//
// Syncs are counted and remembered, not done: a killed process loses nothing without them, and a
// power cut here is one of write_synced_files_to(). That makes the tests quick on any disk.
//
// Registered under a name of its own while it lives. Thread-safe.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace hearth::store::testing {

class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  // While on, every write fails with SQLITE_FULL.
  void set_full(bool full) { full_ = full; }
  // While on, every write fails with SQLITE_IOERR_WRITE.
  void set_write_errors(bool on) { write_errors_ = on; }
  // While on, every sync fails with SQLITE_IOERR_FSYNC.
  void set_sync_errors(bool on) { sync_errors_ = on; }
  // From now on, every sync of a file whose path ends like this fails.
  void fail_syncs_of(const std::string& suffix);
  // The process gets SIGKILL at its n-th write or sync from now on, before that is done.
  void kill_at(std::int64_t n) { kill_at_ = n; }
  // Syncs of files whose path ends like this, since the start.
  [[nodiscard]] std::int64_t syncs_of(const std::string& suffix);

  // From now on, what every sync made durable is remembered (costs a read of the file each).
  void remember_syncs() { remember_syncs_ = true; }
  // Writes below `directory` what a power cut at this moment would leave of each file: its content
  // as of its last sync.
  void write_synced_files_to(const std::string& directory);

  // For the methods SQLite calls.
  int before_write();
  int before_sync(const std::string& path);
  void after_sync(const std::string& path);
  void deleted(const std::string& path);

 private:
  void count_down();

  const std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::atomic<bool> full_{false};
  std::atomic<bool> write_errors_{false};
  std::atomic<bool> sync_errors_{false};
  std::atomic<bool> remember_syncs_{false};
  std::atomic<std::int64_t> kill_at_{0};
  Mutex mutex_;
  std::string failing_suffix_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::string, std::string> synced_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> syncs_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::store::testing
