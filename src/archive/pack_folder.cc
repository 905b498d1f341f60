#include "archive/pack_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/path_rules.h"
#include "archive/refusal.h"
#include "archive/tar_writer.h"
#include "archive/zstd_writer.h"
#include "base/unique_fd.h"

namespace hearth::archive {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::string_view kLeftOut = ".git";

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFLNK:
      return "is a symbolic link";
    case S_IFIFO:
      return "is a named pipe";
    case S_IFSOCK:
      return "is a socket";
    default:
      return "is a device";
  }
}

class Packer {
 public:
  Packer(ByteWriter& out, const ArchiveLimits& limits) : out_(out), limits_(limits) {}

  Result<> pack(UniqueFd root) {
    HEARTH_TRY(folder(std::move(root), ""));
    return out_.write(tar_end());
  }

 private:
  static Result<std::vector<std::string>> names_in(UniqueFd fd, const std::string& path) {
    const std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd.get()));
    if (!dir) {
      return system_error("read the folder " + (path.empty() ? "." : path), errno);
    }
    (void)fd.release();  // the DIR has it
    std::vector<std::string> names;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && name != kLeftOut) {
        names.emplace_back(name);
      }
    }
    std::ranges::sort(names);
    return names;
  }

  Result<> folder(UniqueFd fd, const std::string& path) {
    const int here = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
    const UniqueFd kept(here);
    if (!kept.valid()) {
      return system_error("read the folder " + path, errno);
    }
    HEARTH_ASSIGN(const std::vector<std::string> names, names_in(std::move(fd), path));
    for (const std::string& name : names) {
      HEARTH_TRY(entry(kept.get(), name, path.empty() ? name : path + "/" + name));
    }
    return {};
  }

  Result<> entry(int folder_fd, const std::string& name, const std::string& path) {
    struct stat status {};
    if (::fstatat(folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return system_error("look at " + path, errno);
    }
    if (const Result<> good = check(path, status); !good) {
      return in_entry(path, good.error());
    }
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    UniqueFd fd(::openat(folder_fd, name.c_str(), flags));
    if (!fd.valid()) {
      return system_error("open " + path, errno);
    }
    if (S_ISDIR(status.st_mode)) {
      HEARTH_TRY(out_.write(tar_header({.path = path, .is_directory = true})));
      return folder(std::move(fd), path);
    }
    return file(fd.get(), path, status);
  }

  Result<> check(const std::string& path, const struct stat& status) {
    HEARTH_TRY(check_path(path, limits_));
    if (++entries_ > limits_.entries_max) {
      return over_limit("archive_entries_max", limits_.entries_max,
                        "is one more than the " + std::to_string(limits_.entries_max) +
                            " files and directories that an archive may have");
    }
    if (S_ISDIR(status.st_mode)) {
      return {};
    }
    if (!S_ISREG(status.st_mode)) {
      return refused(std::string(kind_of(status.st_mode)) +
                     "; only files and directories are packed");
    }
    bytes_ += status.st_size;
    if (status.st_size > limits_.file_bytes_max) {
      return over_limit("archive_file_bytes_max", limits_.file_bytes_max,
                        "has " + std::to_string(status.st_size) + " bytes; a file may have " +
                            std::to_string(limits_.file_bytes_max));
    }
    if (bytes_ > limits_.bytes_max) {
      return over_limit("archive_bytes_max", limits_.bytes_max,
                        "makes it more than the " + std::to_string(limits_.bytes_max) +
                            " bytes that all files together may have");
    }
    return {};
  }

  Result<> file(int fd, const std::string& path, const struct stat& status) {
    HEARTH_TRY(out_.write(
        tar_header({.path = path,
                    .bytes = status.st_size,
                    .is_executable = is_executable(static_cast<std::uint32_t>(status.st_mode))})));
    std::array<char, kPieceBytes> piece{};
    std::int64_t left = status.st_size;
    while (left > 0) {
      const ssize_t got =
          ::read(fd, piece.data(), std::min(piece.size(), static_cast<std::size_t>(left)));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got < 0) {
        return system_error("read " + path, errno);
      }
      if (got == 0) {
        return Error{.code = ErrorCode::Aborted,
                     .message = path + " became shorter while it was packed; try again"};
      }
      HEARTH_TRY(out_.write({piece.data(), static_cast<std::size_t>(got)}));
      left -= got;
    }
    return out_.write(tar_padding(status.st_size));
  }

  ByteWriter& out_;
  const ArchiveLimits& limits_;
  std::int64_t entries_ = 0;
  std::int64_t bytes_ = 0;
};

Result<ArchiveSummary> pack_with(ByteWriter& out, const std::string& folder, int out_fd,
                                 const ArchiveLimits& limits) {
  UniqueFd root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return system_error("open the folder " + folder, errno);
  }
  HEARTH_TRY(Packer(out, limits).pack(std::move(root)));
  HEARTH_TRY(out.finish());
  return check_archive(out_fd, limits);
}

}  // namespace

Result<ArchiveSummary> pack_folder(const std::string& folder, int out_fd,
                                   const ArchiveLimits& limits) {
  ZstdWriter packed(out_fd);
  Result<ArchiveSummary> summary = pack_with(packed, folder, out_fd, limits);
  if (summary || summary.error().limit != "archive_ratio_max") {
    return summary;
  }
  // Honest files of zeros shrink as bombs do: then as they are.
  if (::ftruncate(out_fd, 0) != 0 || ::lseek(out_fd, 0, SEEK_SET) != 0) {
    return system_error("write the archive once more", errno);
  }
  PlainWriter plain(out_fd);
  return pack_with(plain, folder, out_fd, limits);
}

}  // namespace hearth::archive
