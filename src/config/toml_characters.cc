#include "config/toml_characters.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hearth::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr unsigned char kPlaneLead = 0xf3;   // of U+C0000 to U+FFFFF
constexpr unsigned char kPlaneFirst = 0xb0;  // the byte behind it, from U+F0000 on
constexpr unsigned char kContinuation = 0x80;
constexpr unsigned kBits = 6;  // in a continuation
constexpr unsigned kMask = 0x3f;

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

bool continues(unsigned byte) {
  return (byte & 0xc0U) == kContinuation;
}

void append(std::string& out, unsigned byte) {
  out.push_back(static_cast<char>(byte));
}

struct Character {
  unsigned code = 0;
  std::size_t bytes = 0;
};

// Of two or three bytes, U+0080 to U+FFFF; surrogates and what could be shorter are none.
std::optional<Character> character_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const unsigned second = byte_at(text, at + 1);
  const unsigned third = byte_at(text, at + 2);
  if ((lead & 0xe0U) == 0xc0U && continues(second)) {
    const unsigned code = (lead & 0x1fU) << kBits | (second & kMask);
    return code >= 0x80U ? std::optional(Character{code, 2}) : std::nullopt;
  }
  if ((lead & 0xf0U) == 0xe0U && continues(second) && continues(third)) {
    const unsigned code = (lead & 0x0fU) << 2 * kBits | (second & kMask) << kBits | (third & kMask);
    const bool is_surrogate = code >= 0xd800U && code <= 0xdfffU;
    return code >= 0x800U && !is_surrogate ? std::optional(Character{code, 3}) : std::nullopt;
  }
  return std::nullopt;
}

bool is_plane_15(std::string_view text, std::size_t at) {
  return byte_at(text, at) == kPlaneLead && byte_at(text, at + 1) >= kPlaneFirst &&
         byte_at(text, at + 1) <= 0xbfU;
}

}  // namespace

std::string lift_characters(std::string_view text) {
  std::string lifted;
  std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  lifted.append(text.substr(0, at));
  while (at < text.size()) {
    if (const auto found = character_at(text, at)) {
      append(lifted, kPlaneLead);
      append(lifted, kPlaneFirst | found->code >> 2 * kBits);
      append(lifted, kContinuation | (found->code >> kBits & kMask));
      append(lifted, kContinuation | (found->code & kMask));
      at += found->bytes;
    } else {
      lifted.push_back(text[at++]);
    }
  }
  return lifted;
}

std::string lower_characters(std::string_view text) {
  std::string lowered;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_plane_15(text, at) || at + 4 > text.size()) {
      lowered.push_back(text[at++]);
      continue;
    }
    const unsigned code = (byte_at(text, at + 1) & 0x0fU) << 2 * kBits |
                          (byte_at(text, at + 2) & kMask) << kBits |
                          (byte_at(text, at + 3) & kMask);
    if (code < 0x800U) {
      append(lowered, 0xc0U | code >> kBits);
    } else {
      append(lowered, 0xe0U | code >> 2 * kBits);
      append(lowered, kContinuation | (code >> kBits & kMask));
    }
    append(lowered, kContinuation | (code & kMask));
    at += 4;
  }
  return lowered;
}

bool has_plane_15(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view here = text.substr(at, 6);
    if (is_plane_15(text, at) || here == "\\U000F" || here == "\\U000f") {
      return true;
    }
  }
  return false;
}

}  // namespace hearth::config
