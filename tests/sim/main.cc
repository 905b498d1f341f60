// hearth_sim: runs simulated clusters from seeds and says which one broke a promise.
//
//   hearth_sim --seed=7 --verbose          one run, told step by step
//   hearth_sim --seeds=1-2000 --jobs=2     many runs; exit code 1 when one fails
//   hearth_sim --scenario=partitions ...   one scenario instead of the one the seed chooses
//   hearth_sim_mutated --mutation=NAME ... the same with a deliberate defect (mutations.cc)
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner.h"

namespace hearth::sim {
namespace {

struct Arguments {
  SeedRange range{1, 100, Scenario::Any};
  std::uint64_t jobs = 0;
  RunSettings settings;
};

bool parse(std::string_view argument, Arguments& arguments) {
  const auto equals = argument.find('=');
  const std::string_view name = argument.substr(0, equals);
  const std::string value(equals == std::string_view::npos ? "" : argument.substr(equals + 1));
  char* end = nullptr;
  if (name == "--seed" || name == "--seeds") {
    arguments.range.first = std::strtoull(value.c_str(), &end, 10);
    arguments.range.last =
        *end == '-' ? std::strtoull(end + 1, nullptr, 10) : arguments.range.first;
  } else if (name == "--jobs") {
    arguments.jobs = std::strtoull(value.c_str(), nullptr, 10);
  } else if (name == "--scenario" && parse_scenario(value)) {
    arguments.range.scenario = *parse_scenario(value);
  } else if (name == "--verbose") {
    arguments.settings.verbose = true;
#ifdef HEARTH_MUTATIONS
  } else if (name == "--mutation") {
    arguments.settings.mutation = value;
#endif
  } else {
    return false;
  }
  return true;
}

int run_here(const Arguments& arguments) {
  if (arguments.settings.verbose) {
    const auto options = options_from_seed(arguments.range.first, arguments.range.scenario);
    std::printf("%s\n", to_string(options).c_str());
  }
  const RunReport report = run_seeds(arguments.range, arguments.settings);
  if (!report.failure.empty()) {
    std::printf("%s\n", report.failure.c_str());
    return 1;
  }
  std::printf(
      "all hold: %llu steps, %lld jobs, %lld processes, %lld controller crashes, %lld losses, "
      "%lld overlaps, %lld adoptions\n",
      static_cast<unsigned long long>(report.steps), static_cast<long long>(report.jobs),
      static_cast<long long>(report.processes), static_cast<long long>(report.controller_crashes),
      static_cast<long long>(report.losses), static_cast<long long>(report.overlaps),
      static_cast<long long>(report.adoptions));
  return 0;
}

int run_in_children(const Arguments& arguments) {
  bool failed = false;
  for (const ChildReport& report :
       run_seeds_in_children(arguments.range, arguments.settings, arguments.jobs)) {
    if (report.failed) {
      failed = true;
      std::printf("%s\n", report.output.c_str());
    }
  }
  if (!failed) {
    std::printf("all hold\n");
  }
  return failed ? 1 : 0;
}

int run(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    if (!parse(values[i], arguments)) {
      std::fprintf(stderr,
                   "hearth_sim: %s is not understood; use --seed=N, --seeds=A-B, --jobs=N, "
                   "--scenario=NAME, --verbose\n",
                   values[i]);
      return 2;
    }
  }
  return arguments.jobs > 1 ? run_in_children(arguments) : run_here(arguments);
}

}  // namespace
}  // namespace hearth::sim

int main(int count, char** values) {
  return hearth::sim::run(count, values);
}
