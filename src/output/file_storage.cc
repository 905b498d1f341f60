#include "output/file_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hearth::output {
namespace {

Error file_error(const std::string& what, int error_number) {
  Error error = system_error(what, error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) {
    error.code = ErrorCode::ResourceExhausted;
    error.kind = "storage_unavailable";
    error.message += "; free space there";
  } else if (error_number == ENOENT) {
    error.code = ErrorCode::NotFound;
  }
  return error;
}

Result<UniqueFd> open_file(const std::string& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    return file_error("open output file " + path, errno);
  }
  return UniqueFd(descriptor);
}

}  // namespace

FileStorage::FileStorage(std::string path, UniqueFd held)
    : path_(std::move(path)), held_(std::move(held)) {}

Result<std::unique_ptr<FileStorage>> FileStorage::open(std::string path, Mode mode, Hold hold) {
  HEARTH_ASSIGN(UniqueFd opened, open_file(path, mode == Mode::Create ? O_RDWR | O_CREAT : O_RDWR));
  if (hold == Hold::Nothing) {
    opened.reset();
  }
  return std::unique_ptr<FileStorage>(new FileStorage(std::move(path), std::move(opened)));
}

Result<int> FileStorage::descriptor(UniqueFd& opened) const {
  if (held_.valid()) {
    return held_.get();
  }
  HEARTH_ASSIGN(opened, open_file(path_, O_RDWR));
  return opened.get();
}

Result<> FileStorage::write_at(std::int64_t position, std::string_view bytes) {
  UniqueFd opened;
  HEARTH_ASSIGN(const int file, descriptor(opened));
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), position);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return file_error("write output to " + path_, errno);
    }
    position += count;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::string> FileStorage::read_at(std::int64_t position, std::int64_t size) {
  UniqueFd opened;
  HEARTH_ASSIGN(const int file, descriptor(opened));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::pread(file, bytes.data() + done, bytes.size() - done,
                                  position + static_cast<std::int64_t>(done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return file_error("read output from " + path_, errno);
    }
    if (count == 0) {
      return Error{.code = ErrorCode::DataLoss,
                   .message = "read output from " + path_ + ": the file is shorter than recorded"};
    }
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<> FileStorage::sync() {
  UniqueFd opened;
  HEARTH_ASSIGN(const int file, descriptor(opened));
  if (::fdatasync(file) != 0) {
    Error error = system_error("sync output file " + path_, errno);
    error.code = ErrorCode::DataLoss;
    error.kind = kSyncFailed;
    error.message += "; look at the disk's health and the kernel's log";
    return error;
  }
  return {};
}

}  // namespace hearth::output
