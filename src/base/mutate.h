// Deliberate defects, to show that the simulator sees them (tests/sim/mutation_test.cc).
//
// HEARTH_MUTATE(name) is the constant false in everything that ships. Only the second copy of the
// pure libraries that tests/sim builds with HEARTH_MUTATIONS asks whether that defect is switched
// on.
#pragma once

#ifdef HEARTH_MUTATIONS

#include <string_view>

namespace hearth::testing {
bool is_mutated(std::string_view name);
}  // namespace hearth::testing

#define HEARTH_MUTATE(name) (::hearth::testing::is_mutated(#name))

#else

#define HEARTH_MUTATE(name) false

#endif
