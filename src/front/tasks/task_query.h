// The parameters of /tasks, as strictly read as bodies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"
#include "store/store.h"

namespace hearth::tasks {

inline constexpr std::array<std::string_view, 1> kWaitParameters = {"wait"};
inline constexpr std::array<std::string_view, 3> kListParameters = {"status", "limit", "cursor"};

// How many seconds to wait at most, or nullopt: not at all. "1" and "true" are no number but yes:
// as long as one may (kTaskWaitSecondsMax). Begun seconds count whole.
Result<std::optional<std::uint64_t>> read_wait(const net::QueryList& query);
Result<store::JobQuery> read_list(const net::QueryList& query);

}  // namespace hearth::tasks
