// Runs many seeds, each kind of end told apart: held, broke a promise, died of an invariant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options.h"
#include "world.h"

namespace hearth::sim {

struct SeedRange {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  Scenario scenario = Scenario::Any;
};

// How to see one run again.
std::string replay_command(const SimOptions& options, const RunSettings& settings);

// Runs the seeds in this process until one fails; a failed run's report names its options and its
// replay command. An aborted invariant prints the replay command and ends the process with 1.
RunReport run_seeds(const SeedRange& range, const RunSettings& settings, std::uint64_t step = 1);

struct ChildReport {
  bool failed = false;
  std::string output;  // what it printed, the failure and the replay command among it
};

// The same in `jobs` processes of their own side by side, so that an abort is one more failure.
std::vector<ChildReport> run_seeds_in_children(const SeedRange& range, const RunSettings& settings,
                                               std::uint64_t jobs);

}  // namespace hearth::sim
