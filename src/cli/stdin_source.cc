#include "cli/stdin_source.h"

#include <fcntl.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace hearth::cli {

Result<std::string> read_stdin_source(const std::string& source, const Terminal& terminal,
                                      std::int64_t bytes_max) {
  if (source.empty()) {
    return std::string();
  }
  if (source == "-") {
    return read_all(terminal.in_fd, bytes_max);
  }
  const UniqueFd file(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return invalid_argument(system_error("open " + source, errno).message);
  }
  return read_all(file.get(), bytes_max);
}

}  // namespace hearth::cli
