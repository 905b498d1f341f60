// Everything that is chosen before a simulation starts: drawn from the seed, printed with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "core/controller.h"
#include "core/retention.h"

namespace hearth::sim {

enum class Scenario : std::uint8_t {
  Any,         // the seed chooses one of those below
  Mixed,       // all faults at rates of the seed
  Calm,        // no faults: everything must end exactly as planned
  Starvation,  // one big job against an endless stream of small ones
  Partitions,  // links cut and stalled around the heartbeat timeout
  Crashes,     // the controller dies around appends, agents die too
  Cancels,     // most jobs are cancelled at some moment
  Drains,      // agents drain, leave and return
};

std::string_view to_string(Scenario scenario);
std::optional<Scenario> parse_scenario(std::string_view name);

// Mean times between faults; zero means never.
struct FaultRates {
  Duration controller_crash{};
  Duration agent_crash{};
  Duration agent_drain{};
  Duration operator_drain{};
  Duration launcher_loss{};
  Duration impostor{};          // another machine says hello with an agent's id
  Duration controller_pause{};  // the controller stands still, longer than a heartbeat at times
  Duration connection_break{};
  Duration partition{};
  Duration partition_length{};  // at most
  Duration clock_jump{};
  double crash_at_append = 0;    // chance of each append
  double append_not_done = 0;    // chance of each append
  double message_duplicate = 0;  // chance of each report from an agent
  double request_lost = 0;       // chance of each client request and of each reply
  double half_open = 0;          // chance that one side of a broken link notices late
  double ghost_order = 0;        // chance that an old controller's order shows up again
};

struct SimOptions {
  std::uint64_t seed = 0;
  Scenario scenario = Scenario::Mixed;
  std::int64_t agents = 3;
  std::int64_t clients = 2;
  std::int64_t submits = 20;  // requests, each of one or more jobs
  Duration fault_phase{};
  Duration latency_max{};
  Duration append_max{};
  // Agents can be told how often to beat; those of an earlier version cannot.
  bool paced_agents = false;
  // One more agent like the first, which dies for good at some moment.
  bool mortal_agent = false;
  double cancel_share = 0.1;  // of acknowledged jobs
  double clock_rate_spread = 0;
  FaultRates faults;
  core::Options core;
  core::RetentionLimits retention;
};

SimOptions options_from_seed(std::uint64_t seed, Scenario scenario);
std::string to_string(const SimOptions& options);

}  // namespace hearth::sim
