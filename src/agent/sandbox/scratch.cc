#include "agent/sandbox/scratch.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/launcher/sandbox_plan.h"
#include "agent/sandbox/scratch_mount.h"
#include "base/files.h"

namespace hearth::agent {
namespace {

constexpr const char* kWork = "work";
constexpr std::uint64_t kBeneath =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

Result<> check_options(const ScratchOptions& options) {
  if (options.bytes < limits::kScratchBytesMin || options.inodes < limits::kScratchInodesMin) {
    return invalid_argument("a scratch of " + std::to_string(options.bytes) + " bytes and " +
                            std::to_string(options.inodes) + " files is too small; at least " +
                            std::to_string(limits::kScratchBytesMin) + " and " +
                            std::to_string(limits::kScratchInodesMin) + " are needed");
  }
  if (options.bytes > limits::kScratchBytesMax) {
    return limit_exceeded(
        "kScratchBytesMax", limits::kScratchBytesMax,
        "a sandbox's scratch of " + std::to_string(options.bytes) + " bytes is too large");
  }
  if (options.inodes > limits::kScratchInodesMax) {
    return limit_exceeded(
        "kScratchInodesMax", limits::kScratchInodesMax,
        "a sandbox's scratch for " + std::to_string(options.inodes) + " files is too large");
  }
  return {};
}

Result<> make_folder(int root, const char* name, mode_t mode, uid_t uid, gid_t gid) {
  if (mkdirat(root, name, 0700) != 0 || fchownat(root, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0 ||
      fchmodat(root, name, mode, 0) != 0) {
    return system_error("make the folder '" + std::string(name) + "' of a sandbox's scratch",
                        errno);
  }
  return {};
}

UniqueFd open_beneath(int root, const std::string& path, int flags, mode_t mode = 0) {
  open_how how{.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC | O_NOFOLLOW,
               .mode = mode,
               .resolve = kBeneath};
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// Relative, without empty, "." and ".." parts.
Result<> check_path(const std::string& path) {
  const std::string whole = "/" + path;
  if (path.empty() || path.find('\0') != std::string::npos ||
      std::ssize(path) >= limits::kSandboxPathBytesMax || !is_normal_path(whole)) {
    return invalid_argument("'" + path + "' does not name a file below /work");
  }
  return {};
}

Error file_error(const std::string& what, int error) {
  Error failure = system_error(what, error);
  switch (error) {
    case ENOENT:
      failure.code = ErrorCode::NotFound;
      break;
    case EEXIST:
      failure.code = ErrorCode::AlreadyExists;
      break;
    case ENOSPC:
      failure.code = ErrorCode::ResourceExhausted;
      break;
    case ENAMETOOLONG:
      failure.code = ErrorCode::InvalidArgument;
      break;
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case ENXIO:
    case EISDIR:
      failure.code = ErrorCode::FailedPrecondition;
      break;
    default:
      break;
  }
  return failure;
}

}  // namespace

Result<Scratch> Scratch::create(const ScratchOptions& options) {
  HEARTH_TRY(check_options(options));
  HEARTH_ASSIGN(UniqueFd root, new_scratch_tmpfs(options));
  const std::uint32_t base = options.id_base.value_or(0);
  const std::uint32_t uid = options.id_base ? base + options.uid : geteuid();
  const std::uint32_t gid = options.id_base ? base + options.gid : getegid();
  HEARTH_TRY(make_folder(root.get(), kWork, 0755, uid, gid));
  HEARTH_TRY(make_folder(root.get(), "tmp", 01777, uid, gid));
  HEARTH_TRY(make_folder(root.get(), "shm", 01777, uid, gid));
  // The sandbox's init, which is its root, makes the rest.
  if (options.id_base && fchownat(root.get(), "", base, base, AT_EMPTY_PATH) != 0) {
    return system_error("give a sandbox its scratch", errno);
  }
  return Scratch(std::move(root), uid, gid);
}

Result<UniqueFd> Scratch::make_folders(std::string_view path) {
  UniqueFd at = open_beneath(root_.get(), kWork, O_PATH | O_DIRECTORY);
  if (!at.valid()) {
    return file_error("open /work of a sandbox", errno);
  }
  for (std::size_t slash = 0; (slash = path.find('/')) != std::string_view::npos;) {
    const std::string part(path.substr(0, slash));
    const bool made = mkdirat(at.get(), part.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) {
      return file_error("make the folder '" + part + "' below /work", errno);
    }
    if (made && fchownat(at.get(), part.c_str(), host_uid_, host_gid_, AT_SYMLINK_NOFOLLOW) != 0) {
      return file_error("make the folder '" + part + "' below /work", errno);
    }
    at = open_beneath(at.get(), part, O_PATH | O_DIRECTORY);
    if (!at.valid()) {
      return file_error("open the folder '" + part + "' below /work", errno);
    }
    path.remove_prefix(slash + 1);
  }
  return at;
}

Result<> Scratch::write_file(const std::string& path, std::string_view bytes, unsigned mode) {
  HEARTH_TRY(check_path(path));
  HEARTH_ASSIGN(const UniqueFd folder, make_folders(path));
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string what = "write '" + path + "' below /work of a sandbox";
  const UniqueFd file = open_beneath(folder.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file.valid()) {
    return file_error(what, errno);
  }
  if (auto written = write_all(file.get(), bytes, what); !written) {
    return file_error(what, written.error().sys_errno);
  }
  if (fchown(file.get(), host_uid_, host_gid_) != 0 || fchmod(file.get(), mode & 0777U) != 0) {
    return file_error(what, errno);
  }
  return {};
}

Result<ResultFile> Scratch::open_result(const std::string& path, std::int64_t bytes_max) const {
  HEARTH_TRY(check_path(path));
  const std::string what = "read '" + path + "' below /work of a sandbox";
  // Not blocked by a pipe that nobody writes to, and without making a terminal ours.
  ResultFile result{.fd = open_beneath(root_.get(), std::string(kWork) + "/" + path,
                                       O_RDONLY | O_NONBLOCK | O_NOCTTY)};
  if (!result.fd.valid()) {
    return file_error(what, errno);
  }
  struct stat info {};
  if (fstat(result.fd.get(), &info) != 0) {
    return file_error(what, errno);
  }
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1) {
    return Error{
        .code = ErrorCode::FailedPrecondition,
        .message = what + (S_ISREG(info.st_mode) ? ": the file has several names (hard links)"
                                                 : ": it is not a plain file")};
  }
  if (info.st_size > bytes_max) {
    return limit_exceeded("", bytes_max,
                          what + ": it has " + std::to_string(info.st_size) + " bytes, " +
                              std::to_string(bytes_max) + " are allowed");
  }
  result.bytes = info.st_size;
  return result;
}

Result<ScratchUsage> Scratch::usage() const {
  struct statfs info {};
  if (fstatfs(root_.get(), &info) != 0) {
    return system_error("ask for the usage of a sandbox's scratch", errno);
  }
  const auto block = static_cast<std::int64_t>(info.f_bsize);
  return ScratchUsage{.bytes = static_cast<std::int64_t>(info.f_blocks - info.f_bfree) * block,
                      .bytes_max = static_cast<std::int64_t>(info.f_blocks) * block,
                      .inodes = static_cast<std::int64_t>(info.f_files - info.f_ffree),
                      .inodes_max = static_cast<std::int64_t>(info.f_files)};
}

}  // namespace hearth::agent
