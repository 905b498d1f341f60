// Which deliberate defect is switched on in this process, and which there are (base/mutate.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"

namespace hearth::testing {
bool is_mutated(std::string_view name);
}  // namespace hearth::testing

namespace hearth::sim {

struct Mutation {
  std::string_view name;
  std::string_view breaks;  // the promise
  Scenario scenario = Scenario::Any;
  std::uint64_t seeds = 100;  // within which it must be caught
};

const std::vector<Mutation>& all_mutations();
// Empty: none.
void set_mutation(std::string name);

}  // namespace hearth::sim
