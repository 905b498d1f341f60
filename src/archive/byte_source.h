// The bytes of the archive, by offset.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"

namespace hearth::archive {

class ByteSource {
 public:
  // Borrows the descriptor.
  static Result<ByteSource> open(int fd);

  // None for what is no regular file: it ends where reading ends.
  [[nodiscard]] std::optional<std::int64_t> size() const { return size_; }

  // Fills `out`; less only at the end. Returns how much.
  Result<std::size_t> read_at(std::int64_t offset, std::span<char> out) const;
  // Fills `out`, or refuses the archive as cut off.
  Result<> read_exactly(std::int64_t offset, std::span<char> out) const;

 private:
  ByteSource(int fd, std::optional<std::int64_t> size) : fd_(fd), size_(size) {}

  int fd_;
  std::optional<std::int64_t> size_;
};

}  // namespace hearth::archive
