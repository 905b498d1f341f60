// What the third version added to a database of the second (schema_v2.h), and what it kept there of
// the job that had ended. Frozen, as those are.
#pragma once

#include <string_view>

namespace hearth::store::testing {

inline constexpr std::string_view kSchemaAddedInV3 = R"sql(
CREATE TABLE finished(
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  at INTEGER NOT NULL,
  output_bytes INTEGER NOT NULL);
CREATE INDEX labels_job ON labels(job);
ALTER TABLE meta ADD COLUMN output_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN events_removed INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 3;
)sql";

inline constexpr std::string_view kRowsAddedInV3 = R"sql(
INSERT INTO finished VALUES(7, -2093055236846387200, 1700000000007, 6);
UPDATE meta SET output_bytes = 6;
)sql";

}  // namespace hearth::store::testing
