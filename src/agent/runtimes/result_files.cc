#include "agent/runtimes/result_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace hearth::agent {
namespace {

constexpr int kOpenTries = 16;

// EAGAIN: something was renamed meanwhile, and the kernel could not tell whether it led out.
UniqueFd open_below(int folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  long fd = -1;
  int tries = kOpenTries;
  do {
    fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN) && --tries > 0);
  return UniqueFd(static_cast<int>(fd));
}

std::string reason_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "does not exist";
    case ELOOP:
      return "lies behind a symbolic link";
    case EXDEV:
      return "lies outside of the work directory, or on another file system";
    default:
      return std::string("cannot be read: ") + ::strerror(error);  // NOLINT(concurrency-mt-unsafe)
  }
}

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFLNK:
      return "is a symbolic link";
    case S_IFIFO:
      return "is a named pipe";
    case S_IFSOCK:
      return "is a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "is a device";
    default:
      return "is no file";
  }
}

// How many bytes the UTF-8 character at the start has; 0: none starts so. Surrogates and overlong
// forms pass: they harm nobody who reads names.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return size;
}

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

bool is_readable_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0 || is_control(static_cast<unsigned char>(text.front()))) {
      return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

// What is no readable text as \xNN, so that a note is text whatever a job calls its files.
std::string shown(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = is_control(first) ? 0 : character_size(text);
    if (size == 0) {
      out += "\\x";
      out += kDigits[first >> 4U];
      out += kDigits[first & 15U];
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

void append_json_text(std::string& out, std::string_view readable) {
  out += '"';
  for (const char c : readable) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  out += '"';
}

std::string json_of(const ResultNote& note) {
  std::string json = R"({"path":)";
  append_json_text(json, note.path);
  json += R"(,"why":)";
  append_json_text(json, note.why);
  json += '}';
  return json;
}

std::string comment_of(const std::vector<ResultNote>& notes, std::int64_t more) {
  std::string json = R"({"left_out":[)";
  for (const ResultNote& note : notes) {
    json += (&note == notes.data() ? "" : ",") + json_of(note);
  }
  return json + R"(],"more":)" + std::to_string(more) + "}";
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

ResultFiles::ResultFiles(int work_dir, const std::vector<std::string>& wanted,
                         const ResultLimits& limits)
    : work_dir_(work_dir),
      limits_(limits),
      size_(std::ssize(archive::tar_end()) + std::ssize(archive::tar_comment(comment_of({}, 0))) +
            limits.notes_bytes_max),
      names_left_(limits.names_max) {
  for (const std::string& path : wanted) {
    look_at(path, 1);
  }
  std::ranges::sort(found_, {}, [](const Found& found) { return found.entry.path; });
  pending_ = archive::tar_comment(comment_of(left_out_, notes_dropped_));
  size_ = std::ssize(pending_) + std::ssize(archive::tar_end());
  for (const Found& found : found_) {
    size_ += archive::tar_size(found.entry);
  }
}

void ResultFiles::leave_out(const std::string& path, std::string why) {
  constexpr std::int64_t kAround = 64;  // what JSON and the lengths of the comment add at most
  ResultNote note{.path = shown(path), .why = shown(why)};
  const std::int64_t bytes = std::ssize(json_of(note)) + 1;
  if (notes_bytes_ + bytes + kAround > limits_.notes_bytes_max) {
    ++notes_dropped_;
    return;
  }
  notes_bytes_ += bytes;
  left_out_.push_back(std::move(note));
}

void ResultFiles::look_at(const std::string& path, std::int64_t depth) {
  if (!seen_.insert(path).second) {
    return;
  }
  if (!is_readable_text(path)) {
    return leave_out(path, "has a name that is no printable UTF-8");
  }
  if (std::ssize(path) > limits_.path_bytes_max) {
    return leave_out(path, "has a path longer than " + std::to_string(limits_.path_bytes_max) +
                               " bytes (kResultPathBytesMax)");
  }
  const UniqueFd seen = open_below(work_dir_, path, O_PATH);
  struct stat status {};
  if (!seen.valid() || ::fstat(seen.get(), &status) != 0) {
    return leave_out(path, reason_of(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    return look_into(path, depth);
  }
  if (!S_ISREG(status.st_mode)) {
    return leave_out(path, std::string(kind_of(status.st_mode)));
  }
  if (status.st_nlink != 1) {
    return leave_out(path, "has " + std::to_string(status.st_nlink) +
                               " names (hard links); only files with one are taken");
  }
  if (limits_.owner && status.st_uid != *limits_.owner) {
    return leave_out(path, "belongs to another user");
  }
  archive::TarEntry entry{.path = path,
                          .bytes = status.st_size,
                          .is_executable = (status.st_mode & S_IXUSR) != 0,
                          .modified_s = status.st_mtim.tv_sec};
  const std::int64_t left = limits_.tar_bytes_max - size_;
  if (entry.bytes > left || archive::tar_size(entry) > left) {
    return leave_out(
        path, "has " + std::to_string(entry.bytes) + " bytes, which is more than the " +
                  std::to_string(std::max<std::int64_t>(left, 0)) + " that are left of " +
                  std::to_string(limits_.tar_bytes_max) + " for all results (kResultsBytesMax)");
  }
  if (std::ssize(found_) >= limits_.files_max) {
    return leave_out(path, "is one more than the " + std::to_string(limits_.files_max) +
                               " files that are taken (kResultFilesMax)");
  }
  size_ += archive::tar_size(entry);
  found_.push_back({.entry = std::move(entry), .device = status.st_dev, .inode = status.st_ino});
}

void ResultFiles::look_into(const std::string& path, std::int64_t depth) {
  if (depth > limits_.depth_max) {
    return leave_out(path, "is a directory more than " + std::to_string(limits_.depth_max) +
                               " deep (kResultDepthMax)");
  }
  UniqueFd fd = open_below(work_dir_, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  const std::unique_ptr<DIR, DirCloser> dir(fd.valid() ? ::fdopendir(fd.get()) : nullptr);
  if (!dir) {
    return leave_out(path, reason_of(errno));
  }
  (void)fd.release();  // the DIR has it
  std::vector<std::string> names;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of its own
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") {
      continue;
    }
    if (names_left_ <= 0) {
      leave_out(path, "has names beyond the " + std::to_string(limits_.names_max) +
                          " that are looked at (kResultNamesMax)");
      break;
    }
    --names_left_;
    names.emplace_back(name);
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    look_at(path + "/" + name, depth + 1);
  }
}

std::string ResultFiles::read(std::size_t max) {
  std::string piece;
  while (piece.size() < max) {
    if (!pending_.empty()) {
      const std::size_t take = std::min(max - piece.size(), pending_.size());
      piece += pending_.substr(0, take);
      pending_.erase(0, take);
    } else if (file_left_ > 0) {
      piece += read_entry(max - piece.size());
    } else if (next_ < found_.size()) {
      begin_entry();
    } else if (!std::exchange(ended_, true)) {
      pending_ = archive::tar_end();
    } else {
      break;
    }
  }
  return piece;
}

void ResultFiles::begin_entry() {
  const Found& found = found_[next_++];
  pending_ = archive::tar_header(found.entry);
  file_bytes_ = file_left_ = found.entry.bytes;
  file_ = open_below(work_dir_, found.entry.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (!file_.valid() || ::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_nlink != 1 || status.st_dev != found.device || status.st_ino != found.inode) {
    file_.reset();
    whole_ = false;
  }
}

// What is not there any more is zeros: the header has promised a length.
std::string ResultFiles::read_entry(std::size_t max) {
  std::string bytes(std::min(max, static_cast<std::size_t>(file_left_)), '\0');
  std::size_t filled = 0;
  while (file_.valid() && filled < bytes.size()) {
    const ssize_t got = ::read(file_.get(), bytes.data() + filled, bytes.size() - filled);
    if (got > 0) {
      filled += static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      file_.reset();
      whole_ = false;
    }
  }
  file_left_ -= std::ssize(bytes);
  if (file_left_ == 0) {
    pending_ = archive::tar_padding(file_bytes_);
    file_.reset();
  }
  return bytes;
}

}  // namespace hearth::agent
