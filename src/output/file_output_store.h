// The OutputStore of a controller: small output in memory, larger output in files below one folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "output/output_store.h"

namespace hearth::output {

struct FileOutputOptions {
  std::int64_t inline_bytes_max = limits::kOutputInlineBytesMax;
  std::int64_t memory_bytes_max = limits::kOutputMemoryBytesMax;
  std::int64_t files_open_max = limits::kOutputFilesOpenMax;
};

// Makes `folder` when it is missing; fails when it cannot be written.
Result<std::unique_ptr<OutputStore>> open_file_output_store(std::string folder,
                                                            FileOutputOptions options = {});

}  // namespace hearth::output
