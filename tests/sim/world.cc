#include "world.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace hearth::sim {
namespace {

constexpr Duration kStuckAfter{600'000};  // no job moves for so long: it never will
constexpr Duration kAftermath{70'000};    // late duplicates still arrive, and must change nothing
constexpr Duration kSmallRun{2'000};

}  // namespace

World::World(SimOptions chosen, RunSettings settings)
    : options(chosen),
      random(chosen.seed * 0x9E3779B97F4A7C15ULL + 1),
      timeline(random.fork()),
      history(*this),
      store(*this),
      controller(*this),
      network(*this),
      settings_(std::move(settings)) {}

void World::fail(std::string what) {
  if (failure_.empty()) {
    trace([&] { return "FAILURE: " + what; });
    failure_ = std::move(what);
  }
}

void World::print(const std::string& text) const {
  const auto ms = to_ms(timeline.now()) - 1'750'000'000'000;
  std::printf("%8lld.%03lld %s\n", static_cast<long long>(ms / 1'000),
              static_cast<long long>(ms % 1'000), text.c_str());
}

void World::set_up() {
  for (std::int64_t i = 0; i < options.agents; ++i) {
    bases_.push_back(draw_agent(random, static_cast<std::size_t>(i)));
    agents.push_back(std::make_unique<SimAgent>(*this, static_cast<std::size_t>(i), bases_.back()));
  }
  if (options.mortal_agent) {
    AgentInfo mortal = bases_.front();
    mortal.id = AgentId("mortal");
    mortal.instance = "instance-mortal";
    agents.push_back(std::make_unique<SimAgent>(*this, agents.size(), mortal));
    timeline.after(random.duration(0, options.fault_phase.count()), [this] { bury_mortal(); });
  }
  controller.start();
  for (std::size_t i = 0; i < agents.size(); ++i) {
    timeline.after(random.duration(0, 2'000), [this, i] {
      if (!is_buried(i)) {
        agents[i]->boot();
      }
    });
  }
  for (std::int64_t i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<SimClient>(*this, static_cast<std::size_t>(i)));
  }
  const std::int64_t each = options.submits / options.clients;
  for (const auto& client : clients) {
    client->start(each);
  }
  if (options.scenario == Scenario::Starvation) {
    begin_starvation();
  }
  schedule_faults();
}

// Faults of one kind come at exponential distances.
void World::repeat(Duration mean, std::function<void()> action) {
  if (mean <= Duration(0)) {
    return;
  }
  const double wait = -std::log(1 - random.unit()) * static_cast<double>(mean.count());
  timeline.after(Duration(static_cast<std::int64_t>(wait)), [this, mean, action] {
    if (faults_on) {
      action();
      repeat(mean, action);
    }
  });
}

void World::schedule_faults() {
  const FaultRates& faults = options.faults;
  const auto somebody = [this]() -> SimAgent& { return *agents[random.index(agents.size())]; };
  repeat(faults.controller_crash, [this] { crash_controller(); });
  repeat(faults.agent_crash, [somebody] { somebody().crash(); });
  repeat(faults.agent_drain, [somebody] { somebody().begin_drain(); });
  repeat(faults.launcher_loss, [somebody] { somebody().lose_launcher(); });
  repeat(faults.operator_drain, [this] { drain_somebody(); });
  repeat(faults.impostor, [this] { impersonate_somebody(); });
  repeat(faults.controller_pause, [this] {
    const Duration pause = random.duration(10, random.chance(0.3) ? 45'000 : 2'000);
    trace([&] { return "controller pauses for " + std::to_string(pause.count()) + " ms"; });
    controller.pause(pause);
  });
  repeat(faults.partition, [this] { partition_somebody(); });
  repeat(faults.connection_break, [this] {
    const auto live = network.live();
    if (!live.empty()) {
      const ConnectionPtr& connection = live[random.index(live.size())];
      trace([&] { return "link of " + connection->agent_id.value() + " is cut"; });
      network.cut(connection);
    }
  });
  repeat(faults.clock_jump, [this] {
    const Duration by = random.duration(0, 20'000);
    trace([&] { return "controller's clock jumps by " + std::to_string(by.count()) + " ms"; });
    controller.jump_clock(by);
  });
}

void World::crash_controller() {
  if (!controller.up()) {
    return;
  }
  controller.crash();
  const Duration down = random.chance(0.2) ? random.duration(0, 60'000) : random.duration(0, 3'000);
  timeline.after(down, [this] { controller.start(); });
}

bool World::is_buried(std::size_t index) const {
  return mortal_buried_ && index + 1 == agents.size();
}

void World::bury_mortal() {
  mortal_buried_ = true;
  trace([] { return "the mortal agent dies for good"; });
  agents.back()->crash();
}

void World::agent_left(std::size_t index) {
  if (is_buried(index)) {
    return;
  }
  const Duration down = random.chance(0.3) ? random.duration(0, 60'000) : random.duration(0, 3'000);
  timeline.after(down, [this, index] {
    if (!is_buried(index)) {
      agents[index]->boot();
    }
  });
}

void World::partition_somebody() {
  const std::size_t index = random.index(agents.size());
  const Duration length = random.duration(100, options.faults.partition_length.count());
  trace([&] {
    return agents[index]->base().id.value() + " is cut off for " + std::to_string(length.count()) +
           " ms";
  });
  network.begin_partition(index);
  timeline.after(length, [this, index] {
    trace([&] { return agents[index]->base().id.value() + " is reachable again"; });
    network.end_partition(index);
  });
}

// Two machines were given the same id: while the one lives the other is refused, and neither may
// make a job run twice or never.
void World::impersonate_somebody() {
  const std::size_t index = random.index(bases_.size());
  AgentInfo info = bases_[index];
  info.instance = "instance-impostor";
  info.incarnation = "incarnation-impostor-" + std::to_string(timeline.steps());
  trace([&] { return "an impostor says it is " + info.id.value(); });
  const ConnectionPtr connection = network.connect(index, -1, {std::move(info), {}});
  if (connection != nullptr) {
    timeline.after(random.duration(100, 5'000),
                   [this, connection] { network.close_by_agent(connection); });
  }
}

void World::drain_somebody() {
  const std::size_t index = random.index(bases_.size());
  const int drain = ++drains_;
  operator_drained_[index] = drain;
  trace([&] { return "operator drains " + bases_[index].id.value(); });
  controller.drain(bases_[index].id, true, [](const core::Effect&) {});
  timeline.after(random.duration(1'000, 40'000), [this, index, drain] { undrain(index, drain); });
}

// Until it is answered, unless somebody drained the agent anew: that drain has an end of its own,
// and an answer that comes late says nothing about it.
void World::undrain(std::size_t index, int drain) {
  const auto drained = operator_drained_.find(index);
  if (drained == operator_drained_.end() || drained->second != drain) {
    return;
  }
  controller.drain(bases_[index].id, false, [this, index, drain](const core::Effect& effect) {
    const auto still = operator_drained_.find(index);
    if (std::get<core::ReplyDrain>(effect).outcome && still != operator_drained_.end() &&
        still->second == drain) {
      operator_drained_.erase(still);
    }
  });
  timeline.after(Duration(5'000), [this, index, drain] { undrain(index, drain); });
}

void World::stop_faults() {
  trace([] { return "faults stop"; });
  faults_on = false;
  cancel_hopeless();
}

void World::cancel_hopeless() {
  for (const auto& [id, row] : store.jobs()) {
    if (plans[row.plan].hopeless && !is_final(row.record.state) &&
        !row.record.cancel_requested_at.has_value()) {
      clients[0]->cancel_surely(id);
    }
  }
  if (!done()) {
    timeline.after(Duration(20'000), [this] { cancel_hopeless(); });
  }
}

// One job needs a whole agent while small ones never stop coming, as soon as one ends.
void World::begin_starvation() {
  small_priority_ = random.chance(0.5) ? 5 : 0;
  JobPlan big;
  const AgentInfo& agent = bases_[random.index(bases_.size())];
  big.scheduling.request = agent.capacity;
  big.timeout = Duration(60'000);
  big.behaviour = random.next();
  big.run_ms_max = 1'000;
  big.hang_share = 0;
  big_plan_ = plans.size();
  plans.push_back(big);
  timeline.after(Duration(20'000), [this] { clients[0]->submit_surely({big_plan_}); });
  feed_small_jobs();
}

void World::feed_small_jobs() {
  if (!faults_on) {
    return;
  }
  std::int64_t wanted = 4;
  for (const AgentInfo& agent : bases_) {
    wanted += std::min(agent.capacity.cpu_milli / 500, agent.max_parallel_jobs);
  }
  std::vector<std::size_t> small;
  for (std::int64_t i = store.live_jobs(); i < wanted; ++i) {
    JobPlan plan;
    plan.scheduling.request = {500, limits::kGiB / 8, 0, {}};
    plan.scheduling.priority = small_priority_;
    plan.timeout = Duration(60'000);
    plan.behaviour = random.next();
    plan.run_ms_max = kSmallRun.count();
    plan.hang_share = 0;
    small.push_back(plans.size());
    plans.push_back(plan);
  }
  if (!small.empty()) {
    clients[random.index(clients.size())]->submit_surely(std::move(small));
  }
  timeline.after(random.duration(100, 300), [this] { feed_small_jobs(); });
}

void World::check_starvation() const {
  for (const auto& [id, row] : store.jobs()) {
    if (row.plan != big_plan_) {
      continue;
    }
    const Duration waited = *row.attempts.begin()->second.started_at - *row.record.queued_at;
    // The hold begins at a sweep; then the last small ones end, are reported and it is placed.
    const Duration bound =
        options.core.starvation_after + options.core.sweep_interval + kSmallRun + Duration(3'000);
    if (waited > bound) {
      const_cast<World*>(this)->fail("the big job waited " + std::to_string(waited.count()) +
                                     " ms, more than " + std::to_string(bound.count()));
    }
  }
}

// Now and then, when nothing is under way, a second core made from the rows must equal the first.
void World::check_quiet_moment() {
  if (timeline.steps() < next_recovery_check_ || !controller.quiescent()) {
    return;
  }
  next_recovery_check_ = timeline.steps() + 200;
  controller.check_recovery();
  ++recovery_checks_;
}

bool World::all_idle() const {
  for (std::size_t i = 0; i < agents.size(); ++i) {
    if (!is_buried(i) && !agents[i]->idle()) {
      return false;
    }
  }
  return true;
}

bool World::done() const {
  return store.live_jobs() == 0 && controller.quiescent() && operator_drained_.empty() &&
         std::all_of(clients.begin(), clients.end(),
                     [](const auto& client) { return client->settled(); }) &&
         all_idle();
}

std::string World::unfinished() {
  std::string text;
  for (const auto& [id, row] : store.jobs()) {
    if (!is_final(row.record.state)) {
      text += "\n  " + to_string(id) + " " + std::string(to_string(row.record.state)) +
              " attempt " + std::to_string(row.record.attempt) + " on " + row.record.agent.value() +
              ": " + controller.explain(id);
    }
  }
  for (const auto& agent : agents) {
    text += "\n  " + agent->base().id.value() + (agent->alive() ? "" : " down") +
            (agent->alive() && !agent->idle() ? " not idle" : "");
  }
  return text;
}

void World::run_until(TimePoint end, const std::function<bool()>& enough) {
  while (failure_.empty() && !timeline.empty() && timeline.now() < end && !enough()) {
    timeline.step();
    check_quiet_moment();
  }
}

RunReport World::run() {
  set_up();
  run_until(timeline.now() + options.fault_phase, [] { return false; });
  if (failure_.empty()) {
    stop_faults();
    note_progress();
    run_until(TimePoint::max(),
              [this] { return done() || timeline.now() - last_progress_ > kStuckAfter; });
    if (failure_.empty() && !done()) {
      fail("not everything ended once the faults had stopped:" + unfinished());
    }
    run_until(timeline.now() + kAftermath, [] { return false; });
  }
  if (failure_.empty()) {
    history.check_end();
    if (options.scenario == Scenario::Starvation) {
      check_starvation();
    }
  }
  RunReport report = history.report();
  report.failure = failure_;
  report.steps = timeline.steps();
  report.jobs = static_cast<std::int64_t>(store.jobs().size());
  report.controller_crashes = controller.crashes();
  report.recovery_checks = recovery_checks_;
  return report;
}

void add(RunReport& total, const RunReport& one) {
  total.failure = one.failure;
  total.fingerprint = one.fingerprint;
  total.steps += one.steps;
  total.jobs += one.jobs;
  total.processes += one.processes;
  total.controller_crashes += one.controller_crashes;
  total.overlaps += one.overlaps;
  total.adoptions += one.adoptions;
  total.losses += one.losses;
  total.removals += one.removals;
  total.recovery_checks += one.recovery_checks;
}

RunReport run_simulation(const SimOptions& options, const RunSettings& settings) {
  World world(options, settings);
  return world.run();
}

}  // namespace hearth::sim
