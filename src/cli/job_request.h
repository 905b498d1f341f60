// The flags of run and submit -> the JSON body of POST /v1/jobs. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/options.h"

namespace hearth::cli {

// What came of the files that flags name.
struct JobInputs {
  std::string stdin_bytes;  // --stdin
  std::string code;         // --script
  std::string upload;       // --upload, by its id
};

// InvalidArgument names the flag and what to write. `now` turns --delay into notBefore.
Result<std::string> job_request_body(const JobOptions& options, const JobInputs& inputs,
                                     TimePoint now);

// By its extension, for what is run most; InvalidArgument says how to name another.
Result<std::string> language_of_file(const std::string& path);

// What a file of --from holds, as NDJSON or as a JSON array: by its first character that is no
// space.
std::string_view batch_content_type(std::string_view text);

}  // namespace hearth::cli
