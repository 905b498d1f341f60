// Randomness of the kernel, for ids and tokens. Shells draw here and hand the values to the pure
// libraries, which never draw themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hearth {

void fill_random(std::span<std::byte> bytes);
std::uint64_t random_u64();
// Lower-case hexadecimal, two characters a byte: fits ids of [A-Za-z0-9_-]{1,64} up to 32 bytes.
std::string random_hex(std::size_t bytes);

}  // namespace hearth
