// The agent's directory: who it is across restarts, and where its attempts and spooled output are.
//
// One process at a time (a lock). Holds a random instance id, made once: cgroups carry it, and the
// controller tells two machines with one --id apart by it. What an earlier process left of its
// attempts is removed at the start, because they died with it.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace hearth::agent {

class DataDir {
 public:
  // FailedPrecondition when another process uses it; PermissionDenied, NotFound and the like name
  // the path.
  static Result<DataDir> open(const std::string& path);

  // After the leftovers of the cgroups are gone: nothing may still write there.
  Result<> remove_leftovers();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& instance() const { return instance_; }
  [[nodiscard]] std::string attempts() const { return path_ + "/attempts"; }
  [[nodiscard]] std::string spool() const { return path_ + "/spool"; }
  [[nodiscard]] std::string uploads() const { return path_ + "/uploads"; }

 private:
  DataDir(std::string path, FileLock lock, std::string instance)
      : path_(std::move(path)), lock_(std::move(lock)), instance_(std::move(instance)) {}

  std::string path_;
  FileLock lock_;
  std::string instance_;
};

}  // namespace hearth::agent
