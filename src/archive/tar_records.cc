#include "archive/tar_records.h"

#include <charconv>

#include "archive/refusal.h"

namespace hearth::archive::tar {
namespace {

// Digits only, as pax wants it.
std::optional<std::int64_t> parse_decimal(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || text.front() < '0' || text.front() > '9') {
    return std::nullopt;
  }
  const auto [rest, failed] = std::from_chars(text.data(), end, value);
  if (rest != end || failed != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

// "LENGTH KEY=VALUE\n", where the length counts all of it.
struct Record {
  std::string_view key;
  std::string_view value;
};

Result<Record> take_record(std::string_view& contents) {
  const Error damaged = refused("its pax records are damaged");
  const std::size_t space = contents.find(' ');
  if (space == std::string_view::npos) {
    return damaged;
  }
  const std::optional<std::int64_t> length = parse_decimal(contents.substr(0, space));
  if (!length || *length > static_cast<std::int64_t>(contents.size()) ||
      *length < static_cast<std::int64_t>(space) + 4) {
    return damaged;
  }
  const std::string_view record = contents.substr(0, static_cast<std::size_t>(*length));
  const std::size_t equals = record.find('=', space);
  if (record.back() != '\n' || equals == std::string_view::npos || equals == space + 1) {
    return damaged;
  }
  contents.remove_prefix(record.size());
  return Record{record.substr(space + 1, equals - space - 1),
                record.substr(equals + 1, record.size() - equals - 2)};
}

}  // namespace

Result<> Described::add(char type, std::string_view contents) {
  if (types_.find(type) != std::string::npos) {
    return refused("an entry is described twice");
  }
  types_ += type;
  switch (type) {
    case kPax:
      return add_pax(contents, false);
    case kPaxGlobal:
      return add_pax(contents, true);
    case kLongName:
      // A zero byte ends it.
      if (contents.ends_with('\0')) {
        contents.remove_suffix(1);
      }
      return set_path(contents);
    default:
      return {};  // the link that it belongs to is refused
  }
}

Result<> Described::add_pax(std::string_view contents, bool is_global) {
  while (!contents.empty()) {
    HEARTH_ASSIGN(const Record record, take_record(contents));
    HEARTH_TRY(add_record(record.key, record.value, is_global));
  }
  return {};
}

Result<> Described::add_record(std::string_view key, std::string_view value, bool is_global) {
  if (!keys_.emplace(key).second) {
    return refused("a pax record is there twice: " + shown(key));
  }
  // What git writes: the commit. Anything else would be said of all entries that follow.
  if (is_global) {
    if (key != "comment") {
      return refused("a pax record for all entries is not taken: " + shown(key));
    }
    comment_ = value;
    return {};
  }
  if (key == "path") {
    return set_path(value);
  }
  if (key == "size") {
    bytes_ = parse_decimal(value);
    return bytes_ ? Result<>{} : refused("its size is no number");
  }
  if (key.starts_with("GNU.sparse.") || key == "SCHILY.realsize") {
    return refused("it is a sparse file; GNU tar packs it whole without --sparse");
  }
  if (key.ends_with("xattr.security.capability")) {
    return refused("it is a program with capabilities");
  }
  return {};  // times, owners and attributes, which are not kept
}

Result<> Described::set_path(std::string_view path) {
  if (path_) {
    return refused("it has two long names");
  }
  path_ = path;
  return {};
}

Result<Header> Described::applied_to(Header header) const {
  if (path_) {
    header.name = *path_;
  }
  if (bytes_ && *bytes_ != header.bytes) {
    // Readers differ in which of the two they follow, and find other entries behind.
    if (*bytes_ <= kOctalSizeMax) {
      return in_entry(header.name, refused("it has two sizes"));
    }
    header.bytes = *bytes_;
  }
  return header;
}

}  // namespace hearth::archive::tar
