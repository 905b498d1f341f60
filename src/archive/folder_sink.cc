#include "archive/folder_sink.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "archive/refusal.h"

namespace hearth::archive {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kExecutableMode = 0755;
constexpr mode_t kDirectoryMode = 0755;

// Below `folder`, through no link of any kind and into no other mount.
UniqueFd open_below(int folder, const std::string& path, unsigned flags, mode_t mode = 0) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

// A full disk is told apart: the caller chose its size, and names it.
Error failure(std::string_view what, const std::string& path, int number) {
  Error error =
      system_error("unpack the archive: " + std::string(what) + " " + shown(path), number);
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    error.code = ErrorCode::ResourceExhausted;
  }
  return error;
}

// The directory that `path` is in, and its name there.
struct Place {
  std::string parent;
  std::string name;
};
Place place_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return {".", path};
  }
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Result<> FolderSink::begin(const Entry& entry) {
  const std::string& path = entry.path;
  for (std::size_t slash = path.find('/', entry.known_bytes == 0 ? 0 : entry.known_bytes + 1);
       slash != std::string::npos; slash = path.find('/', slash + 1)) {
    HEARTH_TRY(make_directory(path.substr(0, slash)));
  }
  if (entry.is_directory) {
    return entry.known_bytes == path.size() ? Result<>{} : make_directory(path);
  }
  const mode_t mode = entry.is_executable ? kExecutableMode : kFileMode;
  file_ = open_below(folder_, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (!file_.valid() || ::fchmod(file_.get(), mode) != 0) {
    return failure("make the file", path, errno);
  }
  path_ = path;
  return {};
}

Result<> FolderSink::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(file_.get(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done < 0) {
      return failure("write", path_, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

Result<> FolderSink::end() {
  if (::close(file_.release()) != 0) {
    return failure("close", path_, errno);
  }
  return {};
}

Result<> FolderSink::make_directory(const std::string& path) {
  const Place place = place_of(path);
  const UniqueFd parent = open_below(folder_, place.parent, O_PATH | O_DIRECTORY);
  if (!parent.valid()) {
    return failure("open the directory above", path, errno);
  }
  const bool is_new = ::mkdirat(parent.get(), place.name.c_str(), kDirectoryMode) == 0;
  if (!is_new && errno != EEXIST) {
    return failure("make the directory", path, errno);
  }
  const UniqueFd made = open_below(parent.get(), place.name, O_RDONLY | O_DIRECTORY);
  if (!made.valid() || (is_new && ::fchmod(made.get(), kDirectoryMode) != 0)) {
    return failure("make the directory", path, errno);
  }
  return {};
}

}  // namespace hearth::archive
