// Whole files, durably, and the lock that keeps two processes out of one data directory.
//
// Blocking: call from a thread that may wait for a disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth {

// NotFound when there is none, ResourceExhausted when it has more than `bytes_max` bytes (also for
// files that report no size, as those of /proc do).
Result<std::string> read_file(const std::string& path, std::int64_t bytes_max);

// After success the file holds `bytes` even if the power fails; after failure, or when killed half
// way, it holds what it held before. `mode` is that of the new file.
Result<> write_file_atomically(const std::string& path, std::string_view bytes,
                               unsigned mode = 0644);

// Writes all bytes at the descriptor's position, over short writes and interruptions. `what` names
// the target in the error.
Result<> write_all(int fd, std::string_view bytes, std::string_view what);

// With its parents; an existing directory is fine.
Result<> make_directories(const std::string& path, unsigned mode = 0755);

// The names in a directory, in no order; none when there is no such directory.
Result<std::vector<std::string>> list_directory(const std::string& path);

// Makes renames and new names in a directory durable.
Result<> sync_directory(const std::string& path);

// An exclusive lock on `path`, held until destroyed or the process ends in any way. The file holds
// the holder's pid and stays behind when released. FailedPrecondition, naming that pid, when
// another process (or another FileLock of this one) holds it.
class FileLock {
 public:
  static Result<FileLock> acquire(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace hearth
