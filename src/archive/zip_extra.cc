#include "archive/zip_extra.h"

#include <optional>

#include "archive/fields.h"
#include "archive/refusal.h"

namespace hearth::archive::zip {
namespace {

constexpr std::uint16_t kZip64 = 0x0001;
constexpr std::uint16_t kUnicodePath = 0x7075;
// A version and the CRC of the header's name stand before the name.
constexpr std::size_t kUnicodePathHead = 5;

Result<> apply_zip64(std::optional<std::string_view> field, Fields& fields) {
  std::size_t at = 0;
  for (std::uint64_t* value : {&fields.bytes, &fields.packed_bytes, &fields.offset}) {
    if (*value != kElsewhere32) {
      continue;
    }
    if (!field || field->size() < at + 8) {
      return refused("its ZIP64 sizes are missing");
    }
    *value = le64(*field, at);
    at += 8;
  }
  if (field && field->size() != at) {
    return refused("its ZIP64 sizes contradict its header");
  }
  return {};
}

}  // namespace

Result<> apply_extra(std::string_view extra, std::string_view name, Fields& fields) {
  std::optional<std::string_view> zip64;
  while (!extra.empty()) {
    if (extra.size() < 4 || extra.size() - 4 < le16(extra, 2)) {
      return refused("its extra fields are damaged");
    }
    const std::uint16_t id = le16(extra, 0);
    const std::string_view value = extra.substr(4, le16(extra, 2));
    extra.remove_prefix(4 + value.size());
    if (id == kZip64) {
      if (zip64) {
        return refused("it has ZIP64 sizes twice");
      }
      zip64 = value;
    }
    if (id == kUnicodePath &&
        (value.size() < kUnicodePathHead || value.substr(kUnicodePathHead) != name)) {
      return refused("it has two names");
    }
  }
  return apply_zip64(zip64, fields);
}

}  // namespace hearth::archive::zip
