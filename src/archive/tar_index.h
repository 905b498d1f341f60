// What is in a tar of tar_writer.h, and where, without reading more than its headers.
//
// Strict: what tar_writer.h does not write is refused, whoever made it. For tars of others there is
// archive.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::archive {

struct TarFile {
  std::string path;  // not looked at
  std::int64_t bytes = 0;
  std::int64_t offset = 0;  // of its first byte in the tar
};

struct TarIndex {
  std::vector<TarFile> files;  // in the order of the tar
  std::string comment;
};

struct TarIndexLimits {
  std::int64_t files_max = 0;
  std::int64_t header_bytes_max = 0;  // of one pax header
};

// `bytes` of the tar from `offset` on; fewer only at its end.
using ReadTar = std::function<Result<std::string>(std::int64_t offset, std::int64_t bytes)>;

// DataLoss for what is no such tar, or has more than it may.
Result<TarIndex> read_tar_index(std::int64_t size, const ReadTar& read,
                                const TarIndexLimits& limits);

}  // namespace hearth::archive
