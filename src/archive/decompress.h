// Bytes one after the other, packed or not, in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "archive/byte_source.h"

namespace hearth::archive {

// How much is handed on at a time.
inline constexpr std::size_t kPieceBytes = 64U * 1024U;

class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;

  // Some of what follows, at most `out`, which is not empty. 0: the end, and nothing was wrong with
  // what came before; what is cut off or damaged refuses the archive.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
};

// `bytes_max` from `offset`, fewer if the source ends before. The source outlives it.
std::unique_ptr<ByteStream> plain_stream(const ByteSource& source, std::int64_t offset,
                                         std::int64_t bytes_max);

// One DEFLATE stream without a frame, as in ZIP, that takes up `packed` to its last byte.
std::unique_ptr<ByteStream> deflate_stream(std::unique_ptr<ByteStream> packed);

// The members of `packed` one after the other, each with its CRC. Nothing else may follow them.
std::unique_ptr<ByteStream> gzip_stream(std::unique_ptr<ByteStream> packed);

// The frames of `packed`, skippable ones left out, each with its checksum if it has one.
std::unique_ptr<ByteStream> zstd_stream(std::unique_ptr<ByteStream> packed);

}  // namespace hearth::archive
