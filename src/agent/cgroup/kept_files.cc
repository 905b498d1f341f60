#include "agent/cgroup/kept_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hearth::agent {
namespace {

// Some files (cgroup.procs, diskstats) come in pieces of about a page, however large the buffer;
// what is much shorter was the last, which most are: one call less for each file.
constexpr ssize_t kPieceMin = 2'048;

}  // namespace

std::int64_t files_to_keep(std::int64_t files_max, std::int64_t part) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return files_max;
  }
  return std::min(files_max, static_cast<std::int64_t>(limit.rlim_cur) / part);
}

ssize_t read_from_start(int fd, std::span<char> buffer) {
  std::size_t got = 0;
  while (got < buffer.size()) {
    const ssize_t more =
        pread(fd, buffer.data() + got, buffer.size() - got, static_cast<off_t>(got));
    if (more < 0 && errno == EINTR) {
      continue;
    }
    if (more < 0) {
      return -1;
    }
    got += static_cast<std::size_t>(more);
    if (more < kPieceMin) {
      break;
    }
  }
  return static_cast<ssize_t>(got);
}

void KeptFiles::keep(const std::string& folder) {
  folders_.try_emplace(folder);
}

void KeptFiles::let_go(const std::string& folder) {
  if (const auto found = folders_.find(folder); found != folders_.end()) {
    open_ -= std::ssize(found->second);
    folders_.erase(found);
  }
}

int KeptFiles::find(std::string_view folder, std::string_view name, int flags) {
  const auto found = folders_.find(folder);
  if (found == folders_.end()) {
    return -1;
  }
  auto& files = found->second;
  const auto file = std::ranges::find_if(
      files, [&](const File& other) { return other.flags == flags && other.name == name; });
  if (file != files.end()) {
    return file->fd.get();
  }
  if (open_ >= files_max_) {
    return -1;
  }
  std::string path = found->first;
  if (!name.empty()) {
    path.append("/").append(name);
  }
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) {
    return -1;
  }
  ++open_;
  return files.emplace_back(File{std::string(name), flags, std::move(fd)}).fd.get();
}

}  // namespace hearth::agent
