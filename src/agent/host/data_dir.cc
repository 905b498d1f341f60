#include "agent/host/data_dir.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/random.h"
#include "model/ids.h"

namespace hearth::agent {
namespace {

// Others may pass through to the attempts, which run as another user when --run-as says so, but not
// look around.
constexpr unsigned kPassThrough = 0711;
constexpr std::size_t kInstanceBytes = 8;
constexpr std::int64_t kInstanceFileBytesMax = 256;

Result<std::string> read_or_make_instance(const std::string& path) {
  Result<std::string> text = read_file(path, kInstanceFileBytesMax);
  if (!text && text.error().code != ErrorCode::NotFound) {
    return std::move(text).error();
  }
  if (!text) {
    std::string instance = random_hex(kInstanceBytes);
    HEARTH_TRY(write_file_atomically(path, instance + "\n"));
    return instance;
  }
  while (!text->empty() && text->back() == '\n') {
    text->pop_back();
  }
  if (!is_valid_name_id(*text)) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = path + " holds no instance id; remove the file to get a new one"};
  }
  return *std::move(text);
}

Result<> make_empty(const std::string& folder, unsigned mode) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) {
    return system_error("remove what an earlier agent left in " + folder, error.value());
  }
  return make_directories(folder, mode);
}

}  // namespace

Result<DataDir> DataDir::open(const std::string& path) {
  if (path.empty()) {
    return invalid_argument("the agent needs a data directory; name one with --data DIR");
  }
  HEARTH_TRY(make_directories(path, kPassThrough));
  Result<FileLock> lock = FileLock::acquire(path + "/lock");
  if (!lock) {
    return lock.error().with_context("use the agent's data directory " + path);
  }
  HEARTH_ASSIGN(std::string instance, read_or_make_instance(path + "/instance"));
  return DataDir(path, *std::move(lock), std::move(instance));
}

Result<> DataDir::remove_leftovers() {
  HEARTH_TRY(make_empty(attempts(), kPassThrough));
  HEARTH_TRY(make_empty(uploads(), 0700));
  return make_empty(spool(), 0700);
}

}  // namespace hearth::agent
