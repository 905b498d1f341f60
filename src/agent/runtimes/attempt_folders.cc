#include "agent/runtimes/attempt_folders.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "agent/runtimes/attempt_files.h"

namespace hearth::agent {
namespace {

constexpr mode_t kFolderMode = 0700;

bool remove_empty(const std::string& path) {
  rmdir(tmp_below(path).c_str());
  return rmdir(path.c_str()) == 0 || errno == ENOENT;
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mode == b.st_mode &&
         a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_nlink == b.st_nlink &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// Times move with the kernel's tick, so that what was made within the same one is found here only.
bool holds_only(const std::string& path, std::string_view entry) {
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) {
    return false;
  }
  bool only = true;
  while (const dirent* next = readdir(folder)) {
    const std::string_view name = next->d_name;
    only = only && (name == "." || name == ".." || name == entry);
  }
  closedir(folder);
  return only;
}

}  // namespace

AttemptFolders::~AttemptFolders() {
  for (const Kept& kept : kept_) {
    remove_empty(kept.path);
  }
}

Result<std::string> AttemptFolders::take() {
  if (!kept_.empty()) {
    Kept kept = std::move(kept_.back());
    kept_.pop_back();
    taken_.emplace(kept.path, kept.status);
    return kept.path;
  }
  std::string path = parent_ + "/slot-" + std::to_string(++last_);
  Result<> made = make(path);
  if (made) {
    made = make(tmp_below(path));
  }
  if (!made) {
    remove_empty(path);  // a disk without room for the second may have had some for the first
    return std::move(made).error();
  }
  if (const std::optional<Status> status = look_at(path)) {
    taken_.emplace(path, *status);
  }
  return path;
}

bool AttemptFolders::give_back(const std::string& path) {
  const auto taken = taken_.extract(path);
  if (taken && std::ssize(kept_) < kept_max_ && is_as_new(path, taken.mapped())) {
    kept_.push_back({.path = path, .status = taken.mapped()});
    return true;
  }
  return remove_empty(path);
}

Result<> AttemptFolders::make(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) != 0) {
    return system_error("make the attempt's folder " + path, errno);
  }
  if ((uid_ || gid_) && lchown(path.c_str(), uid_.value_or(static_cast<uid_t>(-1)),
                               gid_.value_or(static_cast<gid_t>(-1))) != 0) {
    return system_error("give the attempt's folder " + path + " to the user it runs as", errno);
  }
  return {};
}

std::optional<AttemptFolders::Status> AttemptFolders::look_at(const std::string& path) {
  Status status{};
  if (lstat(path.c_str(), &status[0]) != 0 || lstat(tmp_below(path).c_str(), &status[1]) != 0) {
    return std::nullopt;
  }
  return status;
}

bool AttemptFolders::is_as_new(const std::string& path, const Status& before) {
  const std::optional<Status> now = look_at(path);
  const std::string tmp = tmp_below(path);
  return now && same((*now)[0], before[0]) && same((*now)[1], before[1]) &&
         holds_only(path, std::string_view(tmp).substr(tmp.rfind('/') + 1)) && holds_only(tmp, ".");
}

}  // namespace hearth::agent
