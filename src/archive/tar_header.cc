#include "archive/tar_header.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "archive/refusal.h"

namespace hearth::archive::tar {
namespace {

constexpr std::string_view kPosixMagic("ustar\0", 6);  // a version follows
constexpr std::string_view kGnuMagic("ustar  \0", 8);

std::string_view field(std::string_view block, Field which) {
  return block.substr(which.at, which.bytes);
}

bool is_filling(char c) {
  return c == ' ' || c == '\0';
}

std::optional<std::int64_t> parse_octal(std::string_view text) {
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '7'; ++digits) {
    value = value * 8 + (text[digits] - '0');  // at most 12 digits
  }
  text.remove_prefix(digits);
  if (digits == 0 || !std::all_of(text.begin(), text.end(), is_filling)) {
    return std::nullopt;
  }
  return value;
}

// GNU's form for large numbers: big-endian after a byte 0x80; 0xff begins a negative one.
std::optional<std::int64_t> parse_binary(std::string_view text) {
  if (static_cast<unsigned char>(text.front()) != 0x80) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text.substr(1)) {
    if (value > std::numeric_limits<std::uint64_t>::max() >> 9U) {
      return std::nullopt;
    }
    value = value << 8U | static_cast<unsigned char>(c);
  }
  return static_cast<std::int64_t>(value);
}

Result<std::int64_t> parse_number(std::string_view text, std::string_view what) {
  const bool is_binary = (static_cast<unsigned char>(text.front()) & 0x80U) != 0;
  const std::optional<std::int64_t> value = is_binary ? parse_binary(text) : parse_octal(text);
  if (!value) {
    return refused("its " + std::string(what) + " is no number");
  }
  return *value;
}

// Up to its first zero byte, if it has one; only zeros may follow.
Result<std::string> parse_text(std::string_view text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  if (text.find_first_not_of('\0', end) != std::string_view::npos) {
    return refused("its name goes on after a zero byte");
  }
  return std::string(text.substr(0, end));
}

std::int64_t checksum_of(std::string_view block) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool is_own = i >= kChecksum.at && i < kChecksum.at + kChecksum.bytes;
    sum += is_own ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

}  // namespace

bool is_header(std::string_view block) {
  const std::string_view magic = field(block, kMagic);
  return magic.starts_with(kPosixMagic) || magic == kGnuMagic;
}

bool is_zero(std::string_view block) {
  return block.find_first_not_of('\0') == std::string_view::npos;
}

Result<Header> parse_header(std::string_view block) {
  if (!is_header(block)) {
    return refused("a header of the tar is missing or damaged");
  }
  HEARTH_ASSIGN(const std::int64_t checksum, parse_number(field(block, kChecksum), "checksum"));
  if (checksum != checksum_of(block)) {
    return refused("the checksum of a header is wrong: it is damaged");
  }
  Header header;
  HEARTH_ASSIGN(header.name, parse_text(field(block, kName)));
  if (field(block, kMagic).starts_with(kPosixMagic)) {
    HEARTH_ASSIGN(const std::string prefix, parse_text(field(block, kPrefix)));
    header.name.insert(0, prefix.empty() ? "" : prefix + "/");
  }
  header.type = field(block, kType).front();
  const auto with_name = [&header](Error error) { return in_entry(header.name, std::move(error)); };
  Result<std::int64_t> mode = parse_number(field(block, kMode), "mode");
  if (!mode) {
    return with_name(mode.error());
  }
  Result<std::int64_t> bytes = parse_number(field(block, kSize), "size");
  if (!bytes) {
    return with_name(bytes.error());
  }
  header.mode = static_cast<std::uint32_t>(*mode);
  header.bytes = *bytes;
  return header;
}

}  // namespace hearth::archive::tar
