#include "options.h"

#include <array>
#include <utility>

#include "random.h"

namespace hearth::sim {
namespace {

constexpr std::array<std::pair<Scenario, std::string_view>, 8> kNames{{
    {Scenario::Any, "any"},
    {Scenario::Mixed, "mixed"},
    {Scenario::Calm, "calm"},
    {Scenario::Starvation, "starvation"},
    {Scenario::Partitions, "partitions"},
    {Scenario::Crashes, "crashes"},
    {Scenario::Cancels, "cancels"},
    {Scenario::Drains, "drains"},
}};

Scenario scenario_from(Random& random) {
  constexpr std::array<Scenario, 10> kWheel{
      Scenario::Mixed,      Scenario::Mixed,     Scenario::Mixed,   Scenario::Mixed,
      Scenario::Partitions, Scenario::Crashes,   Scenario::Cancels, Scenario::Drains,
      Scenario::Calm,       Scenario::Starvation};
  return kWheel[random.index(kWheel.size())];
}

// A fault is either off in a run or happens at a rate of that run.
Duration sometimes(Random& random, double on, std::int64_t low_ms, std::int64_t high_ms) {
  const Duration rate = random.duration(low_ms, high_ms);
  return random.chance(on) ? rate : Duration(0);
}

double share(Random& random, double on, double high) {
  const double value = random.unit() * high;
  return random.chance(on) ? value : 0;
}

FaultRates mixed_faults(Random& random) {
  FaultRates faults;
  faults.controller_crash = sometimes(random, 0.5, 15'000, 90'000);
  faults.agent_crash = sometimes(random, 0.4, 15'000, 120'000);
  faults.agent_drain = sometimes(random, 0.3, 30'000, 120'000);
  faults.operator_drain = sometimes(random, 0.3, 20'000, 90'000);
  faults.launcher_loss = sometimes(random, 0.3, 20'000, 120'000);
  faults.connection_break = sometimes(random, 0.6, 5'000, 60'000);
  faults.partition = sometimes(random, 0.5, 20'000, 90'000);
  faults.partition_length = random.chance(0.5) ? Duration(15'000) : Duration(60'000);
  faults.clock_jump = sometimes(random, 0.2, 30'000, 120'000);
  faults.crash_at_append = share(random, 0.4, 0.02);
  faults.append_not_done = share(random, 0.4, 0.1);
  faults.message_duplicate = share(random, 0.4, 0.3);
  faults.request_lost = share(random, 0.5, 0.2);
  faults.half_open = share(random, 0.5, 0.8);
  faults.ghost_order = share(random, 0.3, 0.3);
  faults.impostor = sometimes(random, 0.2, 30'000, 120'000);
  faults.controller_pause = sometimes(random, 0.2, 20'000, 90'000);
  return faults;
}

void apply_scenario(SimOptions& options, Random& random) {
  FaultRates& faults = options.faults;
  switch (options.scenario) {
    case Scenario::Any:
    case Scenario::Mixed:
      break;
    case Scenario::Calm:
      faults = FaultRates{};
      options.mortal_agent = false;
      break;
    case Scenario::Starvation:
      faults = FaultRates{};
      options.agents = random.between(1, 3);
      options.submits = 0;
      options.cancel_share = 0;
      options.mortal_agent = false;
      options.core.queue_jobs_max = limits::kQueueJobsMax;
      options.core.starvation_after = random.duration(5'000, 30'000);
      options.fault_phase = options.core.starvation_after + Duration(40'000);
      break;
    case Scenario::Partitions:
      faults.partition = random.duration(10'000, 30'000);
      faults.partition_length = random.duration(25'000, 50'000);
      faults.connection_break = random.duration(5'000, 30'000);
      faults.half_open = 0.5;
      break;
    case Scenario::Crashes:
      faults.crash_at_append = 0.01 + (random.unit() * 0.05);
      faults.append_not_done = 0.1;
      faults.agent_crash = random.duration(10'000, 60'000);
      options.mortal_agent = random.chance(0.5);
      break;
    case Scenario::Cancels:
      options.cancel_share = 0.8;
      break;
    case Scenario::Drains:
      faults.agent_drain = random.duration(10'000, 40'000);
      faults.operator_drain = random.duration(10'000, 40'000);
      break;
  }
}

}  // namespace

std::string_view to_string(Scenario scenario) {
  for (const auto& [value, name] : kNames) {
    if (value == scenario) {
      return name;
    }
  }
  return "?";
}

std::optional<Scenario> parse_scenario(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) {
      return value;
    }
  }
  return std::nullopt;
}

SimOptions options_from_seed(std::uint64_t seed, Scenario scenario) {
  Random random(seed);
  SimOptions options;
  options.seed = seed;
  const Scenario drawn = scenario_from(random);
  options.scenario = scenario == Scenario::Any ? drawn : scenario;
  options.agents = random.between(1, 5);
  options.clients = random.between(1, 3);
  options.submits = random.between(5, 40);
  options.fault_phase = random.duration(30'000, 180'000);
  options.latency_max = Duration(random.pick(std::vector<std::int64_t>{2, 10, 50, 400}));
  options.append_max = Duration(random.pick(std::vector<std::int64_t>{1, 5, 20, 200}));
  options.core.heartbeats.interval =
      Duration(random.pick(std::vector<std::int64_t>{5'000, 10'000}));
  options.cancel_share = random.unit() * 0.4;
  options.clock_rate_spread = random.chance(0.5) ? random.unit() * 0.1 : 0;
  options.core.starvation_after = random.duration(10'000, 60'000);
  options.faults = mixed_faults(random);
  options.mortal_agent = random.chance(0.3);
  if (random.chance(0.1)) {
    options.core.queue_jobs_max = random.between(5, 30);
  }
  apply_scenario(options, random);
  options.retention.age = random.duration(60'000, 120'000);
  options.retention.jobs = random.between(0, 60);
  options.paced_agents = random.chance(0.5);
  if (random.chance(0.3)) {
    // So few heartbeats that those of several agents are too many, and a short patience: who is
    // told to beat more seldom than that is none the worse for it.
    options.core.heartbeats = {.interval = Duration(500), .per_second_max = 1};
    options.core.heartbeat_timeout = Duration(2'500);
  }
  return options;
}

std::string to_string(const SimOptions& options) {
  std::string out = "seed=" + std::to_string(options.seed);
  const auto add = [&out](std::string_view name, auto value) {
    out += ' ';
    out += name;
    out += '=';
    if constexpr (std::is_same_v<decltype(value), Duration>) {
      out += std::to_string(value.count()) + "ms";
    } else {
      out += std::to_string(value);
    }
  };
  out += " scenario=" + std::string(to_string(options.scenario));
  add("agents", options.agents);
  add("clients", options.clients);
  add("submits", options.submits);
  add("fault_phase", options.fault_phase);
  add("latency_max", options.latency_max);
  add("append_max", options.append_max);
  add("heartbeat_interval", options.core.heartbeats.interval);
  add("heartbeat_timeout", options.core.heartbeat_timeout);
  add("paced_agents", options.paced_agents);
  add("queue_jobs_max", options.core.queue_jobs_max);
  add("starvation_after", options.core.starvation_after);
  add("mortal_agent", options.mortal_agent);
  add("cancel_share", options.cancel_share);
  add("clock_rate_spread", options.clock_rate_spread);
  add("retention_age", options.retention.age);
  add("retention_jobs", options.retention.jobs);
  const FaultRates& faults = options.faults;
  add("controller_crash", faults.controller_crash);
  add("agent_crash", faults.agent_crash);
  add("agent_drain", faults.agent_drain);
  add("operator_drain", faults.operator_drain);
  add("launcher_loss", faults.launcher_loss);
  add("impostor", faults.impostor);
  add("controller_pause", faults.controller_pause);
  add("connection_break", faults.connection_break);
  add("partition", faults.partition);
  add("partition_length", faults.partition_length);
  add("clock_jump", faults.clock_jump);
  add("crash_at_append", faults.crash_at_append);
  add("append_not_done", faults.append_not_done);
  add("message_duplicate", faults.message_duplicate);
  add("request_lost", faults.request_lost);
  add("half_open", faults.half_open);
  add("ghost_order", faults.ghost_order);
  return out;
}

}  // namespace hearth::sim
