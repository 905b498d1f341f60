// The folders that attempts run in, each with a `.tmp` for its temporary files.
//
// To make and remove one costs a journaling file system more than all else the agent does for a
// small job. So the folder of a job that never touched it is kept for the next: same inodes, same
// times of the last change (which any new, removed or renamed entry and any change of rights would
// have moved), and nothing in it. Loop thread only.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hearth::agent {

class AttemptFolders {
 public:
  // `parent` exists. The folders belong to `uid` and `gid`, as far as given.
  AttemptFolders(std::string parent, std::optional<std::uint32_t> uid,
                 std::optional<std::uint32_t> gid,
                 std::int64_t kept_max = limits::kAttemptFoldersKeptMax)
      : parent_(std::move(parent)), uid_(uid), gid_(gid), kept_max_(kept_max) {}
  // Removes the kept ones.
  ~AttemptFolders();
  AttemptFolders(const AttemptFolders&) = delete;
  AttemptFolders& operator=(const AttemptFolders&) = delete;

  // The path of an empty folder.
  Result<std::string> take();
  // What take() gave, once its job has ended. False: there is something in it, and the caller has
  // to remove it, which may take long.
  bool give_back(const std::string& path);

 private:
  // Of the folder and of its .tmp.
  using Status = std::array<struct stat, 2>;
  struct Kept {
    std::string path;
    Status status;
  };

  Result<> make(const std::string& path);
  [[nodiscard]] static std::optional<Status> look_at(const std::string& path);
  [[nodiscard]] static bool is_as_new(const std::string& path, const Status& before);

  const std::string parent_;
  const std::optional<std::uint32_t> uid_;
  const std::optional<std::uint32_t> gid_;
  const std::int64_t kept_max_;
  std::int64_t last_ = 0;
  std::map<std::string, Status> taken_;
  std::vector<Kept> kept_;
};

}  // namespace hearth::agent
