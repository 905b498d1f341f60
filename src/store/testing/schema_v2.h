// What the second version added to a database of the first (schema_v1.h): tables and rows. Frozen,
// as that one is.
#pragma once

#include <string_view>

namespace hearth::store::testing {

inline constexpr std::string_view kSchemaAddedInV2 = R"sql(
CREATE TABLE tokens(
  id TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  hash BLOB NOT NULL,
  agent TEXT NOT NULL,
  parent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  uses_max INTEGER NOT NULL,
  uses INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
)sql";

inline constexpr std::string_view kRowsAddedInV2 = R"sql(
INSERT INTO tokens VALUES(
  't1', 0, 'ci', 3, X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',
  '', '', 1700000000000, NULL, 1700000000500, 0, 0);
)sql";

}  // namespace hearth::store::testing
