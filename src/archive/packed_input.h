// What decoders read from: the bytes of a stream that were fetched and not used yet.
#pragma once

#include <memory>
#include <vector>

#include "archive/decompress.h"

namespace hearth::archive {

class PackedInput {
 public:
  explicit PackedInput(std::unique_ptr<ByteStream> from)
      : from_(std::move(from)), buffer_(kPieceBytes) {}

  // Fetches until `bytes` (at most kPieceBytes) wait or the stream ends.
  Result<> await(std::size_t bytes);
  // Whether nothing waits after an await(): the stream has ended.
  [[nodiscard]] bool is_empty() const { return begin_ == end_; }
  [[nodiscard]] std::span<char> waiting() { return {buffer_.data() + begin_, end_ - begin_}; }
  void use(std::size_t bytes) { begin_ += bytes; }

 private:
  const std::unique_ptr<ByteStream> from_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hearth::archive
