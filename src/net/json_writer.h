// Writes JSON straight into a string: no tree, no allocation of its own. Whatever bytes a string
// value holds, the output is valid UTF-8 (what is not becomes U+FFFD).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::net {

// The caller opens and closes in order; commas are put by themselves.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);  // then exactly one value

  JsonWriter& string(std::string_view value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& number(double value);  // null when it is not finite
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);

  // A member in one call.
  JsonWriter& member(std::string_view name, std::string_view value);
  JsonWriter& member(std::string_view name, const char* value) {
    return member(name, std::string_view(value));
  }
  JsonWriter& member(std::string_view name, const std::string& value) {
    return member(name, std::string_view(value));
  }
  template <std::integral Int>
  JsonWriter& member(std::string_view name, Int value) {
    key(name);
    if constexpr (std::same_as<Int, bool>) {
      return boolean(value);
    } else {
      return integer(static_cast<std::int64_t>(value));
    }
  }
  JsonWriter& member_number(std::string_view name, double value);
  JsonWriter& member_null(std::string_view name);
  template <std::integral Int>
  JsonWriter& member(std::string_view name, const std::optional<Int>& value) {
    return value.has_value() ? member(name, *value) : member_null(name);
  }

 private:
  void separate();

  std::string& out_;
  bool need_comma_ = false;
};

void append_json_string(std::string& out, std::string_view value);
// Whether append_json_string keeps every byte of it.
bool is_utf8(std::string_view text);

}  // namespace hearth::net
