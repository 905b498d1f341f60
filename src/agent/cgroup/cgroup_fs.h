// The few file operations the drivers need, so that a test can play the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cgroup/kept_files.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::agent {

// Errors carry sys_errno and a code by it: PermissionDenied (with both remedies), InvalidArgument
// for a value the kernel refuses, AlreadyExists, NotFound, FailedPrecondition for "busy".
class CgroupFs {
 public:
  virtual ~CgroupFs() = default;
  virtual Result<> make(const std::string& path) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  virtual Result<> write(const std::string& path, std::string_view text) = 0;
  // Writes unless that is what the file says: to read is cheaper than to have the kernel set a
  // quota once more.
  Result<> ensure(const std::string& path, std::string_view text);
  virtual Result<std::string> read(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> folders(const std::string& path) = 0;
  // `folder` will be asked about again and again; until it is removed its files may stay open.
  virtual void keep(const std::string& /*folder*/) {}
  // Cheaper than folders(): whether there is any.
  virtual Result<bool> has_folders(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  // Tells other processes that `path` is in use, for as long as the descriptor lives: a lock, which
  // ends with its owner however that ends.
  virtual Result<UniqueFd> hold(const std::string& path) = 0;
  // In doubt it is.
  virtual bool is_held(const std::string& path) = 0;
  // At most as long as `path` exists: kernels forget the time of one they have not shown for long.
  virtual Result<Duration> age(const std::string& path) = 0;
};

class KernelCgroupFs final : public CgroupFs {
 public:
  explicit KernelCgroupFs(std::int64_t files_open_max = limits::kGroupFilesOpenMax);

  Result<> make(const std::string& path) override;
  Result<> remove(const std::string& path) override;
  Result<> write(const std::string& path, std::string_view text) override;
  Result<std::string> read(const std::string& path) override;
  Result<std::vector<std::string>> folders(const std::string& path) override;
  Result<bool> has_folders(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<UniqueFd> hold(const std::string& path) override;
  bool is_held(const std::string& path) override;
  Result<Duration> age(const std::string& path) override;
  void keep(const std::string& folder) override;

 private:
  // -1: there is none.
  int kept(const std::string& path, int flags);

  KeptFiles kept_;
};

Error cgroup_error(const std::string& what, int sys_errno);

// Makes `path` and what is missing above it.
Result<> make_all(CgroupFs& fs, const std::string& path);
// Removes `path` and the groups below it, which jobs may have made. Missing is fine.
Result<> remove_all(CgroupFs& fs, const std::string& path);
// The pids in `path`/cgroup.procs and below.
Result<std::vector<int>> pids_below(CgroupFs& fs, const std::string& path);

// "oom_kill 3\n…": the number after `key`, or nullopt.
std::optional<std::int64_t> find_number(std::string_view text, std::string_view key);
// A whole file that is one number; "max" and nonsense are nullopt.
std::optional<std::int64_t> parse_number(std::string_view text);

}  // namespace hearth::agent
