// What stands before a header of a tar and describes its entry: pax records, long names of GNU.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "archive/tar_header.h"
#include "base/result.h"

namespace hearth::archive::tar {

inline constexpr char kPax = 'x';
inline constexpr char kPaxGlobal = 'g';
inline constexpr char kLongName = 'L';
inline constexpr char kLongLink = 'K';

// One entry's: each kind once, each key once, and none that contradicts another.
class Described {
 public:
  // `contents` are those of a header with this type, one of the four above.
  Result<> add(char type, std::string_view contents);

  // The header with what was said about it: its name, or a size that its own field cannot hold.
  Result<Header> applied_to(Header header) const;

  [[nodiscard]] bool is_empty() const { return types_.empty(); }
  // What a record for all entries says to people; none without one.
  [[nodiscard]] const std::optional<std::string>& comment() const { return comment_; }

 private:
  Result<> add_pax(std::string_view contents, bool is_global);
  Result<> add_record(std::string_view key, std::string_view value, bool is_global);
  Result<> set_path(std::string_view path);

  std::string types_;
  std::set<std::string, std::less<>> keys_;
  std::optional<std::string> path_;
  std::optional<std::string> comment_;
  std::optional<std::int64_t> bytes_;
};

}  // namespace hearth::archive::tar
