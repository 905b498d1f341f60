// Query parameters, as strictly read as bodies: what is not known or does not fit is named.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"
#include "store/store.h"

namespace hearth::rest {

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

// state (repeated or with commas), label (K=V, repeated), queue, name, limit, cursor.
inline constexpr std::array<std::string_view, 6> kJobFilters = {"state", "label", "queue",
                                                                "name",  "limit", "cursor"};
Result<store::JobQuery> read_job_query(const net::QueryList& query);
// True when any of the filters is there.
bool has_job_filter(const net::QueryList& query);

}  // namespace hearth::rest
