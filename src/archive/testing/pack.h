// What tests pack with: the same libraries, the other way around.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::archive::testing {

std::string deflated(std::string_view bytes);  // without a frame
std::string gzipped(std::string_view bytes);   // one member
// With a checksum; `window_bits` 0 is what the size of `bytes` needs.
std::string zstd_packed(std::string_view bytes, int window_bits = 0);
std::uint32_t crc_of(std::string_view bytes);

// `value` in `count` bytes, the lowest first.
std::string little_endian(std::uint64_t value, std::size_t count);

}  // namespace hearth::archive::testing
