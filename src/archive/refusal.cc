#include "archive/refusal.h"

#include "archive/archive.h"
#include "archive/utf8.h"

namespace hearth::archive {
namespace {

void append_escaped(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

}  // namespace

Error refused(std::string why) {
  return Error{.code = ErrorCode::InvalidArgument,
               .message = std::move(why),
               .kind = std::string(kArchiveRefused)};
}

Error over_limit(std::string_view limit, std::int64_t value, std::string why) {
  return Error{
      .code = ErrorCode::ResourceExhausted,
      .message = std::move(why) + " (" + std::string(limit) + " is " + std::to_string(value) + ")",
      .kind = std::string(kArchiveRefused),
      .limit = std::string(limit),
      .limit_value = value};
}

Error in_entry(std::string_view entry, Error error) {
  if (error.kind != kArchiveRefused) {
    return error;
  }
  return error.with_context("entry " + shown(entry));
}

Error in_archive(Error error) {
  if (error.kind != kArchiveRefused) {
    return error;
  }
  return error.with_context("the archive is refused");
}

std::string shown(std::string_view name) {
  std::string out = "\"";
  while (!name.empty()) {
    const CodePoint next = next_code_point(name);
    std::string piece;
    if (!next.is_valid || is_unprintable(next.value)) {
      append_escaped(piece, name.substr(0, next.bytes));
    } else if (next.value == U'"' || next.value == U'\\') {
      piece = "\\" + std::string(name.substr(0, 1));
    } else {
      piece = name.substr(0, next.bytes);
    }
    if (out.size() + piece.size() > std::size_t{limits::kArchiveShownNameBytesMax}) {
      return out + "…\"";
    }
    out += piece;
    name.remove_prefix(next.bytes);
  }
  return out + "\"";
}

}  // namespace hearth::archive
