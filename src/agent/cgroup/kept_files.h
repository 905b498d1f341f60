// Files of kernel folders that are read and written for job after job: kept open, because to open
// one costs five times what reading it does, most of it the way down a deep hierarchy.
//
// Only those of folders named by keep(), and so many of them at most; thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace hearth::agent {

// `files_max`, but no more than that part of what the process may open: jobs' pipes and connections
// need descriptors more.
std::int64_t files_to_keep(std::int64_t files_max, std::int64_t part);

// Bytes read from the start of a kernel's file, or -1 with errno.
ssize_t read_from_start(int fd, std::span<char> buffer);

class KeptFiles {
 public:
  explicit KeptFiles(std::int64_t files_max) : files_max_(files_max) {}

  void keep(const std::string& folder);
  // Closes what is open in it.
  void let_go(const std::string& folder);

  // A descriptor of the kept folder's file, or of the folder itself when `flags` say O_DIRECTORY;
  // -1 when its folder is not kept, when there are too many, or when it cannot be opened. It is
  // the object's, until the next call.
  int find(std::string_view folder, std::string_view name, int flags);

  [[nodiscard]] std::int64_t open_files() const { return open_; }

 private:
  struct File {
    std::string name;
    int flags;
    UniqueFd fd;
  };

  const std::int64_t files_max_;
  std::int64_t open_ = 0;
  std::map<std::string, std::vector<File>, std::less<>> folders_;
};

}  // namespace hearth::agent
