#include "agent/probe/kept_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/cgroup/kept_files.h"

namespace hearth::agent {

KeptFile::KeptFile(DescriptorBudget& budget, std::string path, Keep keep)
    : budget_(&budget), path_(std::move(path)), keep_(keep) {
  if (path_.empty()) {
    state_ = FileState::Absent;
  }
}

KeptFile::~KeptFile() {
  let_go();
}

KeptFile::KeptFile(KeptFile&& other) noexcept
    : budget_(other.budget_),
      path_(std::move(other.path_)),
      keep_(other.keep_),
      fd_(std::move(other.fd_)),
      was_there_(other.was_there_),
      state_(other.state_),
      sys_errno_(other.sys_errno_) {}

std::string_view KeptFile::read(std::span<char> buffer) {
  if (state_ == FileState::Absent || state_ == FileState::Gone) {
    return {};
  }
  UniqueFd for_this_read;
  int fd = fd_.get();
  if (fd < 0) {
    fd = open_file();
    if (fd < 0) {
      return {};
    }
    was_there_ = true;
    (keep_ == Keep::Descriptor && budget_->take() ? fd_ : for_this_read).reset(fd);
  }
  const ssize_t got = read_from_start(fd, buffer);
  if (got < 0) {
    fail(errno);
    return {};
  }
  state_ = FileState::Read;
  return {buffer.data(), static_cast<std::size_t>(got)};
}

int KeptFile::open_file() {
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail(errno);
  }
  return fd;
}

void KeptFile::fail(int sys_errno) {
  sys_errno_ = sys_errno;
  state_ = FileState::Failed;
  if (sys_errno == ENOENT || sys_errno == ENODEV || sys_errno == ESRCH) {
    state_ = was_there_ ? FileState::Gone : FileState::Absent;
    let_go();
  }
}

void KeptFile::let_go() {
  if (fd_.valid()) {
    fd_.reset();
    budget_->give_back();
  }
}

std::string_view read_once(const std::string& path, std::span<char> buffer) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd.valid() ? read_from_start(fd.get(), buffer) : -1;
  return got < 0 ? std::string_view()
                 : std::string_view(buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace hearth::agent
