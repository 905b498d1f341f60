#include "archive/utf8.h"

#include <array>
#include <cstdint>

namespace hearth::archive {
namespace {

constexpr char32_t kSurrogateFirst = 0xd800;
constexpr char32_t kSurrogateLast = 0xdfff;
constexpr char32_t kLast = 0x10ffff;

struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array<Range, 8> kUnprintable = {{{0x0, 0x1f},
                                                {0x7f, 0x9f},
                                                {0x61c, 0x61c},
                                                {0x200e, 0x200f},
                                                {0x2028, 0x202e},
                                                {0x2066, 0x2069},
                                                {0xfeff, 0xfeff},
                                                {0xfff9, 0xfffb}}};

// Upper case letters from `first` to `last`, each `step` after the one before, and how far their
// lower case is.
struct Cases {
  char32_t first;
  char32_t last;
  char32_t step;
  std::int32_t distance;
};
constexpr std::array<Cases, 45> kCases = {{
    {0x41, 0x5a, 1, 32},        {0xb5, 0xb5, 1, 775},       {0xc0, 0xd6, 1, 32},
    {0xd8, 0xde, 1, 32},        {0x100, 0x12e, 2, 1},       {0x132, 0x136, 2, 1},
    {0x139, 0x147, 2, 1},       {0x14a, 0x176, 2, 1},       {0x178, 0x178, 1, -121},
    {0x179, 0x17d, 2, 1},       {0x17f, 0x17f, 1, -268},    {0x1a0, 0x1a4, 2, 1},
    {0x1af, 0x1af, 1, 1},       {0x1cd, 0x1db, 2, 1},       {0x1de, 0x1ee, 2, 1},
    {0x1f8, 0x21e, 2, 1},       {0x222, 0x232, 2, 1},       {0x386, 0x386, 1, 38},
    {0x388, 0x38a, 1, 37},      {0x38c, 0x38c, 1, 64},      {0x38e, 0x38f, 1, 63},
    {0x391, 0x3a1, 1, 32},      {0x3a3, 0x3ab, 1, 32},      {0x3c2, 0x3c2, 1, 1},
    {0x3d8, 0x3ee, 2, 1},       {0x400, 0x40f, 1, 80},      {0x410, 0x42f, 1, 32},
    {0x460, 0x480, 2, 1},       {0x48a, 0x4be, 2, 1},       {0x4c0, 0x4c0, 1, 15},
    {0x4c1, 0x4cd, 2, 1},       {0x4d0, 0x52e, 2, 1},       {0x531, 0x556, 1, 48},
    {0x10a0, 0x10c5, 1, 7264},  {0x1e00, 0x1e94, 2, 1},     {0x1e9e, 0x1e9e, 1, -7615},
    {0x1ea0, 0x1efe, 2, 1},     {0x2126, 0x2126, 1, -7517}, {0x212a, 0x212a, 1, -8383},
    {0x212b, 0x212b, 1, -8262}, {0x2160, 0x216f, 1, 16},    {0x24b6, 0x24cf, 1, 26},
    {0x2c00, 0x2c2f, 1, 48},    {0xff21, 0xff3a, 1, 32},    {0x10400, 0x10427, 1, 40},
}};

char32_t folded(char32_t c) {
  for (const Cases& cases : kCases) {
    if (c < cases.first) {
      break;
    }
    if (c <= cases.last && (c - cases.first) % cases.step == 0) {
      return static_cast<char32_t>(static_cast<std::int32_t>(c) + cases.distance);
    }
  }
  return c;
}

void append(std::string& out, char32_t c) {
  const auto byte = [&out](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0U | c >> 6U);
    byte(0x80U | (c & 0x3fU));
  } else if (c < 0x10000) {
    byte(0xe0U | c >> 12U);
    byte(0x80U | (c >> 6U & 0x3fU));
    byte(0x80U | (c & 0x3fU));
  } else {
    byte(0xf0U | c >> 18U);
    byte(0x80U | (c >> 12U & 0x3fU));
    byte(0x80U | (c >> 6U & 0x3fU));
    byte(0x80U | (c & 0x3fU));
  }
}

}  // namespace

CodePoint next_code_point(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    return {.value = first, .bytes = 1, .is_valid = true};
  }
  const CodePoint invalid{.value = 0, .bytes = 1, .is_valid = false};
  std::size_t bytes = 0;
  char32_t smallest = 0;
  char32_t value = 0;
  if ((first & 0xe0U) == 0xc0U) {
    bytes = 2, smallest = 0x80, value = first & 0x1fU;
  } else if ((first & 0xf0U) == 0xe0U) {
    bytes = 3, smallest = 0x800, value = first & 0x0fU;
  } else if ((first & 0xf8U) == 0xf0U) {
    bytes = 4, smallest = 0x10000, value = first & 0x07U;
  } else {
    return invalid;
  }
  if (text.size() < bytes) {
    return invalid;
  }
  for (const char c : text.substr(1, bytes - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U) {
      return invalid;
    }
    value = value << 6U | (byte & 0x3fU);
  }
  const bool is_surrogate = value >= kSurrogateFirst && value <= kSurrogateLast;
  if (value < smallest || value > kLast || is_surrogate) {
    return invalid;
  }
  return {.value = value, .bytes = bytes, .is_valid = true};
}

bool is_unprintable(char32_t c) {
  for (const Range& range : kUnprintable) {
    if (c >= range.first && c <= range.last) {
      return true;
    }
  }
  return false;
}

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = next_code_point(text);
    append(out, folded(next.value));
    text.remove_prefix(next.bytes);
  }
  return out;
}

}  // namespace hearth::archive
