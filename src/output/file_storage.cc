#include "output/file_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace hearth::output {
namespace {

Error file_error(const std::string& what, int error_number) {
  Error error = system_error(what, error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) {
    error.code = ErrorCode::ResourceExhausted;
    error.kind = "storage_unavailable";
    error.message += "; free space on that file system, the output is sent again";
  }
  return error;
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int value() const { return value_; }

 private:
  int value_;
};

int open_file(const std::string& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

Result<> write_all(int descriptor, const std::string& path, std::int64_t position,
                   std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(), position);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return file_error("write output to " + path, errno);
    }
    position += count;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

FileStorage::FileStorage(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor) {}

FileStorage::~FileStorage() {
  ::close(descriptor_);
}

Result<std::unique_ptr<FileStorage>> FileStorage::open(std::string path, Mode mode) {
  const int flags = mode == Mode::ReadOnly ? O_RDONLY
                    : mode == Mode::Create ? O_RDWR | O_CREAT
                                           : O_RDWR;
  const int descriptor = open_file(path, flags);
  if (descriptor < 0) {
    Error error = file_error("open output file " + path, errno);
    if (error.sys_errno == ENOENT) {
      error.code = ErrorCode::NotFound;
    }
    return error;
  }
  return std::unique_ptr<FileStorage>(new FileStorage(std::move(path), descriptor));
}

Result<> FileStorage::write_at(std::int64_t position, std::string_view bytes) {
  return write_all(descriptor_, path_, position, bytes);
}

Result<std::string> FileStorage::read_at(std::int64_t position, std::int64_t size) {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
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
  if (::fdatasync(descriptor_) != 0) {
    return file_error("sync output file " + path_, errno);
  }
  return {};
}

Result<> sync_folder(const std::string& folder) {
  const Descriptor descriptor(open_file(folder, O_RDONLY | O_DIRECTORY));
  if (descriptor.value() < 0 || ::fsync(descriptor.value()) != 0) {
    return file_error("sync folder " + folder, errno);
  }
  return {};
}

Result<> replace_file(const std::string& path, std::string_view bytes, bool durable) {
  const std::string temporary = path + ".new";
  const Descriptor descriptor(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
  if (descriptor.value() < 0) {
    return file_error("create " + temporary, errno);
  }
  HEARTH_TRY(write_all(descriptor.value(), temporary, 0, bytes));
  if (durable && ::fdatasync(descriptor.value()) != 0) {
    return file_error("sync " + temporary, errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return file_error("rename " + temporary + " to " + path, errno);
  }
  return durable ? sync_folder(path.substr(0, path.rfind('/'))) : Result<>{};
}

Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t max) {
  const Descriptor descriptor(open_file(path, O_RDONLY));
  if (descriptor.value() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return std::optional<std::string>{};
    }
    return file_error("open " + path, errno);
  }
  std::string bytes(max, '\0');
  std::size_t done = 0;
  while (done < max) {
    const ssize_t count = ::read(descriptor.value(), bytes.data() + done, max - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return file_error("read " + path, errno);
    }
    if (count == 0) {
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return std::optional<std::string>(std::move(bytes));
}

}  // namespace hearth::output
