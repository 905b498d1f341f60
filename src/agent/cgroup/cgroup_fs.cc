#include "agent/cgroup/cgroup_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/clock.h"

namespace hearth::agent {
namespace {

constexpr mode_t kFolderMode = 0755;
// Of the descriptors there may be, for the files of groups.
constexpr std::int64_t kFilesPart = 8;

std::string_view without_newline(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

}  // namespace

Error cgroup_error(const std::string& what, int sys_errno) {
  Error error = system_error(what, sys_errno);
  switch (sys_errno) {
    case EACCES:
    case EPERM:
    case EROFS:
      error.code = ErrorCode::PermissionDenied;
      error.message +=
          "; either delegate a cgroup to the agent's user (systemd: Delegate=yes in the unit; by "
          "hand: chown the group's folder, cgroup.procs, cgroup.threads and "
          "cgroup.subtree_control, and start the agent inside it) or run the agent as root";
      break;
    case EINVAL:
    case ERANGE:
      error.code = ErrorCode::InvalidArgument;
      error.message += "; the kernel refuses this value";
      break;
    case EEXIST:
      error.code = ErrorCode::AlreadyExists;
      break;
    case ENOENT:
    case ENODEV:  // it was removed while its file was open
      error.code = ErrorCode::NotFound;
      break;
    case EBUSY:
    case ENOTEMPTY:
      error.code = ErrorCode::FailedPrecondition;
      break;
    default:
      break;
  }
  return error;
}

Result<> CgroupFs::ensure(const std::string& path, std::string_view text) {
  const auto before = read(path);
  if (before && without_newline(*before) == text) {
    return {};
  }
  return write(path, text);
}

KernelCgroupFs::KernelCgroupFs(std::int64_t files_open_max)
    : kept_(files_to_keep(files_open_max, kFilesPart)) {}

void KernelCgroupFs::keep(const std::string& folder) {
  kept_.keep(folder);
}

int KernelCgroupFs::kept(const std::string& path, int flags) {
  if ((flags & O_DIRECTORY) != 0) {
    return kept_.find(path, {}, flags);
  }
  // v1 kernels show who reads a list of processes again within a second the list of before.
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || path.ends_with("/cgroup.procs")) {
    return -1;
  }
  const std::string_view all = path;
  return kept_.find(all.substr(0, slash), all.substr(slash + 1), flags);
}

Result<> KernelCgroupFs::make(const std::string& path) {
  if (mkdir(path.c_str(), kFolderMode) != 0) {
    return cgroup_error("make cgroup " + path, errno);
  }
  return {};
}

Result<> KernelCgroupFs::remove(const std::string& path) {
  kept_.let_go(path);  // also of one that somebody else has removed
  if (rmdir(path.c_str()) != 0) {
    return cgroup_error("remove cgroup " + path, errno);
  }
  return {};
}

Result<> KernelCgroupFs::write(const std::string& path, std::string_view text) {
  UniqueFd opened;
  int fd = kept(path, O_WRONLY);
  if (fd < 0) {
    opened.reset(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    fd = opened.get();
  }
  if (fd < 0) {
    return cgroup_error("open " + path + " to write", errno);
  }
  const ssize_t put = pwrite(fd, text.data(), text.size(), 0);
  const int error = errno;
  if (put != static_cast<ssize_t>(text.size())) {
    return cgroup_error("write \"" + std::string(text) + "\" to " + path, error);
  }
  return {};
}

Result<std::string> KernelCgroupFs::read(const std::string& path) {
  std::array<char, 4096> buffer{};
  if (const int open_fd = kept(path, O_RDONLY); open_fd >= 0) {
    const ssize_t size = read_from_start(open_fd, buffer);
    if (size < 0) {
      return cgroup_error("read " + path, errno);
    }
    if (size < std::ssize(buffer)) {
      return std::string(buffer.data(), static_cast<std::size_t>(size));
    }
  }
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return cgroup_error("open " + path, errno);
  }
  std::string text;
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const int error = errno;
  close(fd);
  if (got < 0) {
    return cgroup_error("read " + path, error);
  }
  return text;
}

Result<std::vector<std::string>> KernelCgroupFs::folders(const std::string& path) {
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) {
    return cgroup_error("list cgroup " + path, errno);
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
      names.emplace_back(entry->d_name);
    }
  }
  closedir(folder);
  return names;
}

// A folder's link count is its sub-folders, itself and its name.
Result<bool> KernelCgroupFs::has_folders(const std::string& path) {
  struct stat status {};
  const int folder = kept(path, O_PATH | O_DIRECTORY);
  if ((folder >= 0 ? fstat(folder, &status) : stat(path.c_str(), &status)) != 0) {
    return cgroup_error("look at cgroup " + path, errno);
  }
  return status.st_nlink > 2;
}

bool KernelCgroupFs::exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

Result<UniqueFd> KernelCgroupFs::hold(const std::string& path) {
  UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || flock(folder.get(), LOCK_SH | LOCK_NB) != 0) {
    return cgroup_error("hold cgroup " + path, errno);
  }
  return folder;
}

bool KernelCgroupFs::is_held(const std::string& path) {
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return !folder.valid() || flock(folder.get(), LOCK_EX | LOCK_NB) != 0;
}

Result<Duration> KernelCgroupFs::age(const std::string& path) {
  struct stat seen {};
  if (stat(path.c_str(), &seen) != 0) {
    return cgroup_error("look at cgroup " + path, errno);
  }
  return SystemClock().now() - time_from_ms(seen.st_mtim.tv_sec * 1'000);
}

Result<> make_all(CgroupFs& fs, const std::string& path) {
  auto made = fs.make(path);
  if (!made && made.error().code == ErrorCode::NotFound && path.rfind('/') > 0) {
    HEARTH_TRY(make_all(fs, path.substr(0, path.rfind('/'))));
    made = fs.make(path);
  }
  if (!made && made.error().code == ErrorCode::AlreadyExists) {
    return {};
  }
  return made;
}

Result<> remove_all(CgroupFs& fs, const std::string& path) {
  auto removed = fs.remove(path);
  if (removed || removed.error().code == ErrorCode::NotFound) {
    return {};
  }
  if (removed.error().code != ErrorCode::FailedPrecondition) {
    return removed;
  }
  HEARTH_ASSIGN(const auto names, fs.folders(path));
  if (names.empty()) {
    return removed;
  }
  for (const std::string& name : names) {
    HEARTH_TRY(remove_all(fs, path + "/" + name));
  }
  return fs.remove(path);
}

Result<std::vector<int>> pids_below(CgroupFs& fs, const std::string& path) {
  HEARTH_ASSIGN(const std::string text, fs.read(path + "/cgroup.procs"));
  std::vector<int> pids;
  const char* next = text.data();
  const char* const end = text.data() + text.size();
  while (next < end) {
    int pid = 0;
    const auto parsed = std::from_chars(next, end, pid);
    if (parsed.ec == std::errc() && pid > 0) {
      pids.push_back(pid);
    }
    next = parsed.ptr + 1;
  }
  HEARTH_ASSIGN(const auto names, fs.folders(path));
  for (const std::string& name : names) {
    if (auto below = pids_below(fs, path + "/" + name)) {
      pids.insert(pids.end(), below->begin(), below->end());
    }
  }
  return pids;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> find_number(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.size() > key.size() + 1 && line.starts_with(key) && line[key.size()] == ' ') {
      return parse_number(line.substr(key.size() + 1));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace hearth::agent
