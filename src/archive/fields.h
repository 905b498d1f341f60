// Numbers in the bytes of an archive, and how its formats begin.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/check.h"

namespace hearth::archive {

// Little-endian, `count` bytes from `at`, which the caller has made sure of.
inline std::uint64_t le(std::string_view bytes, std::size_t at, std::size_t count) {
  HEARTH_CHECK(at <= bytes.size() && count <= bytes.size() - at, "a field beyond its record");
  std::uint64_t value = 0;
  for (std::size_t i = count; i > 0; --i) {
    value = value << 8U | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}
inline std::uint16_t le16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(le(bytes, at, 2));
}
inline std::uint32_t le32(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(le(bytes, at, 4));
}
inline std::uint64_t le64(std::string_view bytes, std::size_t at) {
  return le(bytes, at, 8);
}

// A frame of data, or one of the 16 kinds that are skipped.
inline bool is_zstd_magic(std::uint32_t magic) {
  return magic == 0xfd2fb528U || (magic & 0xfffffff0U) == 0x184d2a50U;
}

}  // namespace hearth::archive
