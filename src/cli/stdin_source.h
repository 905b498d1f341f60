// What --stdin, --script and --from name: a file, or "-" for standard input.
#pragma once

#include <cstdint>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "cli/job_request.h"
#include "cli/session.h"

namespace hearth::cli {

// "" for an empty `source`. InvalidArgument when it is larger than `bytes_max`.
Result<std::string> read_stdin_source(const std::string& source, const Terminal& terminal,
                                      std::int64_t bytes_max = limits::kStdinBytesMax);

// Of the files that the flags of a job name.
Result<JobInputs> read_job_inputs(const JobOptions& options, const Terminal& terminal);

}  // namespace hearth::cli
