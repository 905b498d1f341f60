// Query parameters that choose jobs.
#pragma once

#include <array>
#include <string_view>

#include "front/http/query.h"
#include "store/store.h"

namespace hearth::rest {

// state (repeated or with commas), label (K=V, repeated), queue, name, limit, cursor.
inline constexpr std::array<std::string_view, 6> kJobFilters = {"state", "label", "queue",
                                                                "name",  "limit", "cursor"};
Result<store::JobQuery> read_job_query(const net::QueryList& query);
// True when any of the filters is there.
bool has_job_filter(const net::QueryList& query);

}  // namespace hearth::rest
