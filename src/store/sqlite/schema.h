// The tables and how an older database becomes a current one. Internal to sqlite/.
//
// A released migration never changes; a new version appends one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "store/sqlite/database.h"

namespace hearth::store::sqlite {

// Marks the file as ours ("Hrth"), so that another program's database is refused.
inline constexpr std::int64_t kApplicationId = 0x48727468;
inline constexpr std::int64_t kPageBytes = 8192;

// migrations()[n] leads from schema version n to n + 1.
std::span<const std::string_view> migrations();
std::int64_t schema_version_latest();

// Changes nothing. FailedPrecondition for a database of a newer version or of another program.
Result<std::int64_t> check_schema_version(Database& database);

// Each step in a transaction of its own: killed half way, the next start goes on from there.
Result<> migrate(Database& database, std::int64_t from);

}  // namespace hearth::store::sqlite
