// The files of one attempt: its folder, its standard input, the pipes of its output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::agent {

struct StreamPipe {
  UniqueFd read_end;   // ours, non-blocking
  UniqueFd write_end;  // the job's, blocking as every program expects
};
Result<StreamPipe> make_stream_pipe();

// A memory file to be read from its start; an invalid descriptor for no bytes (/dev/null then).
Result<UniqueFd> make_stdin(std::string_view bytes);

std::string tmp_below(const std::string& folder);

// With all that the job left, however deep; symbolic links are removed, not followed. Blocking.
Result<> remove_folder(const std::string& path);

}  // namespace hearth::agent
