#include "front/http/json_members.h"

#include "base/rfc3339.h"

namespace hearth::front {

void write_time(net::JsonWriter& json, std::string_view name,
                const std::optional<TimePoint>& time) {
  if (time) {
    json.member(name, to_rfc3339(*time));
  } else {
    json.member_null(name);
  }
}

void write_text_or_null(net::JsonWriter& json, std::string_view name, std::string_view text) {
  if (text.empty()) {
    json.member_null(name);
  } else {
    json.member(name, text);
  }
}

}  // namespace hearth::front
