// Members of a JSON object that are null where there is nothing to say. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"
#include "net/json_writer.h"

namespace hearth::front {

void write_time(net::JsonWriter& json, std::string_view name, const std::optional<TimePoint>& time);
void write_text_or_null(net::JsonWriter& json, std::string_view name, std::string_view text);

}  // namespace hearth::front
