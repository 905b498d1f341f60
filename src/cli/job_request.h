// The flags of run and submit -> the JSON body of POST /v1/jobs. Pure but for reading --stdin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/options.h"

namespace hearth::cli {

// InvalidArgument names the flag and what to write. `now` turns --delay into notBefore;
// `stdin_bytes` is what --stdin gave.
Result<std::string> job_request_body(const JobOptions& options, const std::string& stdin_bytes,
                                     TimePoint now);

// What a file of --from holds, as NDJSON or as a JSON array: by its first character that is no
// space.
std::string_view batch_content_type(std::string_view text);

}  // namespace hearth::cli
