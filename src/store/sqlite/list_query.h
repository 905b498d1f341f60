// JobQuery as SQL in which every step goes through an index: a list never reads the whole table,
// whatever it is filtered by. Internal to sqlite/.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "store/store.h"

namespace hearth::store::sqlite {

// Selects ids, highest first.
struct ListStatement {
  std::string sql;
  std::vector<std::variant<std::int64_t, std::string>> parameters;  // in order, from 1
};

// One statement per state when states drive the search, each in order of ids and limited: their
// merged and cut results are the answer. Else one. None: nothing can match.
std::vector<ListStatement> plan_list(const JobQuery& query);

}  // namespace hearth::store::sqlite
