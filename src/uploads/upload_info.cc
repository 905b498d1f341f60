#include "uploads/upload_info.h"

#include <charconv>
#include <optional>

namespace hearth::uploads {
namespace {

constexpr std::string_view kFirstLine = "hearth upload 1\n";

// Takes "name value\n" off the front.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name) || end <= name.size() ||
      text[name.size()] != ' ') {
    return std::nullopt;
  }
  const std::string_view value = text.substr(name.size() + 1, end - name.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

bool take_number(std::string_view& text, std::string_view name, std::int64_t& value) {
  const auto line = take_line(text, name);
  if (!line) {
    return false;
  }
  const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), value);
  return error == std::errc{} && end == line->data() + line->size() && value >= 0;
}

}  // namespace

std::string write_info(const Upload& upload) {
  return std::string(kFirstLine) + "files " + std::to_string(upload.files) + "\nunpacked_bytes " +
         std::to_string(upload.unpacked_bytes) + "\nbytes " + std::to_string(upload.bytes) +
         "\nsha256 " + to_hex(upload.digest) + "\n";
}

Result<Upload> read_info(std::string_view text, const std::string& id) {
  Upload upload{.id = id};
  bool good = text.starts_with(kFirstLine);
  text.remove_prefix(good ? kFirstLine.size() : 0);
  good = good && take_number(text, "files", upload.files) &&
         take_number(text, "unpacked_bytes", upload.unpacked_bytes) &&
         take_number(text, "bytes", upload.bytes);
  const auto hex = good ? take_line(text, "sha256") : std::nullopt;
  const auto digest = hex ? parse_digest(*hex) : std::nullopt;
  if (!digest || !text.empty()) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "what is noted of upload \"" + id + "\" is damaged"};
  }
  upload.digest = *digest;
  return upload;
}

}  // namespace hearth::uploads
