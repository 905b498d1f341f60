#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace hearth {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      // Without GRND_NONBLOCK only an interrupted call fails.
      HEARTH_CHECK(errno == EINTR, "getrandom failed");
      continue;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  fill_random(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::string random_hex(std::size_t bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::vector<std::byte> raw(bytes);
  fill_random(raw);
  std::string text;
  text.reserve(bytes * 2);
  for (const std::byte byte : raw) {
    const auto value = std::to_integer<std::size_t>(byte);
    text += kDigits[value >> 4U];
    text += kDigits[value & 0xfU];
  }
  return text;
}

}  // namespace hearth
