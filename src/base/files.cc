#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/random.h"

namespace hearth {
namespace {

Error open_error(const std::string& path, int sys_errno) {
  Error error = system_error("open " + path, sys_errno);
  if (sys_errno == ENOENT || sys_errno == ENOTDIR) {
    error.code = ErrorCode::NotFound;
  } else if (sys_errno == EACCES || sys_errno == EPERM) {
    error.code = ErrorCode::PermissionDenied;
  }
  return error;
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<> write_and_sync(int fd, std::string_view bytes, const std::string& path) {
  HEARTH_TRY(write_all(fd, bytes, path));
  if (::fsync(fd) != 0) {
    return system_error("sync " + path, errno);
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::int64_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return open_error(path, errno);
  }
  std::string content;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return system_error("read " + path, errno);
    }
    if (got == 0) {
      return content;
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (std::cmp_greater(content.size(), bytes_max)) {
      return limit_exceeded(
          "file_bytes_max", bytes_max,
          "read " + path + ": it has more than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

Result<> write_file_atomically(const std::string& path, std::string_view bytes, unsigned mode) {
  const std::string temporary = path + "." + random_hex(8) + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) {
    return open_error(temporary, errno);
  }
  Result<> written = write_and_sync(fd.get(), bytes, temporary);
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = system_error("rename " + temporary + " to " + path, errno);
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(parent_of(path));
}

Result<> write_all(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return system_error("write " + std::string(what), errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<> make_directories(const std::string& path, unsigned mode) {
  if (path.empty()) {
    return invalid_argument("make a directory: the path is empty");
  }
  if (::mkdir(path.c_str(), mode) == 0) {
    return {};
  }
  const int failure = errno;
  std::error_code ignored;
  if (failure == EEXIST && std::filesystem::is_directory(path, ignored)) {
    return {};
  }
  const std::string parent = parent_of(path);
  if (failure == ENOENT && parent != path) {
    HEARTH_TRY(make_directories(parent, mode));
    if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) {
      return {};
    }
    return open_error(path, errno).with_context("make directory");
  }
  Error error = system_error("make directory " + path, failure);
  if (failure == EACCES || failure == EPERM || failure == EROFS) {
    error.code = ErrorCode::PermissionDenied;
  }
  return error;
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  std::vector<std::string> names;
  if (!directory) {
    return errno == ENOENT ? Result<std::vector<std::string>>(std::move(names))
                           : system_error("list directory " + path, errno);
  }
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    return system_error("list directory " + path, errno);
  }
  return names;
}

Result<> sync_directory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return open_error(path, errno);
  }
  if (::fsync(fd.get()) != 0) {
    return system_error("sync " + path, errno);
  }
  return {};
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    return open_error(path, errno);
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return system_error("lock " + path, errno);
    }
    const Result<std::string> holder = read_file(path, 64);
    const std::string pid = holder ? holder->substr(0, holder->find('\n')) : "";
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "lock " + path + ": process " + (pid.empty() ? "(unknown)" : pid) +
                            " holds it; stop that one or choose another directory"};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0) {
    return system_error("truncate " + path, errno);
  }
  HEARTH_TRY(write_all(fd.get(), pid, path));
  return FileLock(std::move(fd));
}

}  // namespace hearth
