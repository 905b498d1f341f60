#include "cli/stdin_source.h"

#include <fcntl.h>

#include <cerrno>

#include "base/task_limits.h"
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

Result<JobInputs> read_job_inputs(const JobOptions& options, const Terminal& terminal) {
  if (options.stdin_from == "-" && options.script_from == "-") {
    return invalid_argument(
        "--stdin - and --script - exclude each other: one of them needs a file");
  }
  JobInputs inputs;
  HEARTH_ASSIGN(inputs.stdin_bytes, read_stdin_source(options.stdin_from, terminal));
  HEARTH_ASSIGN(inputs.code,
                read_stdin_source(options.script_from, terminal, limits::kScriptCodeBytesMax));
  return inputs;
}

}  // namespace hearth::cli
