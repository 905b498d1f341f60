// Query parameters, as strictly read as bodies: what is not known or does not fit is named.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"

namespace hearth::front {

// Fails with unknown_field for a name that is not in `known`.
Result<> check_names(const net::QueryList& query, std::span<const std::string_view> known);

// Nullopt when it is absent; fails when it is there twice or is no integer from min to max.
Result<std::optional<std::int64_t>> integer_parameter(const net::QueryList& query,
                                                      std::string_view name, std::int64_t min,
                                                      std::int64_t max);
// "1", "true", "" (just the name) and "0", "false"; absent is false.
Result<bool> flag_parameter(const net::QueryList& query, std::string_view name);
Result<std::optional<std::string>> text_parameter(const net::QueryList& query,
                                                  std::string_view name);

// invalid_field, saying of the parameter what `message` says.
Error bad_parameter(std::string_view name, std::string_view message);

}  // namespace hearth::front
