#include "store/sqlite/data_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hearth::store::sqlite {
namespace {

std::string lock_path(const std::string& directory) {
  return directory + "/lock";
}

// Says whose it is, since the remedy depends on that.
Error not_usable(const std::string& path, const Error& cause) {
  Error error = cause;
  error.code = ErrorCode::PermissionDenied;
  error.message = "use data directory " + path + ": " + cause.message;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    error.message += "; it belongs to user " + std::to_string(status.st_uid) +
                     " and this process runs as user " + std::to_string(::geteuid());
  }
  error.message += ": give this user read and write access to it, or choose another data directory";
  return error;
}

Error in_use(const std::string& directory) {
  const Result<std::string> holder = read_file(lock_path(directory), 64);
  const std::string pid = holder ? holder->substr(0, holder->find('\n')) : "";
  return Error{.code = ErrorCode::FailedPrecondition,
               .message = "data directory " + directory + " is in use by process " +
                          (pid.empty() ? "(unknown)" : pid) +
                          ": stop that one, or choose another data directory"};
}

}  // namespace

std::string database_path(const std::string& directory) {
  return directory + "/hearth.db";
}

Result<FileLock> prepare_data_directory(const std::string& directory) {
  if (Result<> made = make_directories(directory, 0700); !made) {
    return not_usable(directory, made.error());
  }
  Result<FileLock> lock = FileLock::acquire(lock_path(directory));
  if (!lock) {
    return lock.error().code == ErrorCode::FailedPrecondition ? in_use(directory)
                                                              : not_usable(directory, lock.error());
  }
  const std::string path = database_path(directory);
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return not_usable(directory, system_error("open " + path, errno));
  }
  return lock;
}

}  // namespace hearth::store::sqlite
