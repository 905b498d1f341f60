#include "sim_agent.h"

#include <algorithm>
#include <utility>

#include "world.h"

namespace hearth::sim {
namespace {

// A kill is repeated each second and the most stubborn process needs four.
constexpr Duration kDeadWithin{10'000};

}  // namespace

SimAgent::SimAgent(World& world, std::size_t index, AgentInfo base)
    : world_(world), index_(index), base_(std::move(base)) {
  rate_ = 1 + ((world_.random.unit() * 2 - 1) * world_.options.clock_rate_spread);
  offset_ = world_.random.duration(0, 1'000'000'000);
}

TimePoint SimAgent::clock() const {
  const auto elapsed = static_cast<double>(to_ms(world_.timeline.now()) - 1'750'000'000'000);
  return time_from_ms(offset_.count() + static_cast<std::int64_t>(elapsed * rate_));
}

Duration SimAgent::to_sim(Duration agent_time) const {
  return Duration(static_cast<std::int64_t>(static_cast<double>(agent_time.count()) / rate_) + 1);
}

bool SimAgent::idle() const {
  return core_ != nullptr && processes_.empty() && core_->held().empty() && core_->running() == 0;
}

void SimAgent::boot() {
  if (alive()) {
    return;
  }
  ++run_;
  info_ = base_;
  info_.incarnation = "incarnation-" + std::to_string(index_) + "-" + std::to_string(run_);
  if (world_.faults_on && world_.random.chance(0.2)) {
    info_.capacity.cpu_milli += world_.random.between(1, 4) * 1'000;
  }
  core_ = std::make_unique<agent::AgentCore>();
  backoff_ = Duration(100);
  world_.trace([&] { return info_.id.value() + " boots, run " + std::to_string(run_); });
  heartbeat_interval_ = world_.options.core.heartbeats.interval;
  dial();
  heartbeat();
}

void SimAgent::leave() {
  core_.reset();
  connection_.reset();
  dialing_ = false;
  timer_at_.reset();
  for (const auto& [key, process] : processes_) {
    if (process.started_at) {
      world_.history.on_process_end(info_.id, run_, key);
    }
  }
  processes_.clear();
  ++run_;
  world_.network.agent_died(index_);
  world_.agent_left(index_);
}

void SimAgent::crash() {
  if (alive()) {
    world_.trace([&] { return info_.id.value() + " crashes"; });
    leave();
  }
}

void SimAgent::begin_drain() {
  if (alive()) {
    world_.trace([&] { return info_.id.value() + " gets SIGTERM"; });
    command(agent::BeginDrain{world_.random.duration(500, 30'000)});
  }
}

void SimAgent::lose_launcher() {
  if (!alive()) {
    return;
  }
  world_.trace([&] { return info_.id.value() + " loses its launcher"; });
  std::vector<AttemptKey> keys;
  for (const auto& [key, process] : processes_) {
    keys.push_back(key);
  }
  for (const AttemptKey& key : keys) {
    end_after(key, world_.random.duration(0, 20), {.key = key, .launcher_lost = true});
  }
}

void SimAgent::dial() {
  if (!alive() || dialing_ || connection_ != nullptr) {
    return;
  }
  HelloMessage hello{info_, {}};
  for (const agent::HeldState& held : core_->held()) {
    hello.held.push_back({held.key, held.started, held.finished});
  }
  connection_ = world_.network.connect(index_, run_, std::move(hello));
  if (connection_ != nullptr) {
    backoff_ = Duration(100);
    return;
  }
  dialing_ = true;
  const Duration wait = backoff_ + world_.random.duration(0, backoff_.count());
  backoff_ = std::min(backoff_ * 2, Duration(5'000));
  world_.timeline.after(wait, [this, run = run_] {
    if (run == run_) {
      dialing_ = false;
      dial();
    }
  });
}

void SimAgent::heartbeat() {
  if (connection_ != nullptr) {
    HeartbeatMessage message;
    if (world_.options.paced_agents) {
      message.interval = heartbeat_interval_;
    }
    world_.network.send_up(connection_, message);
  }
  world_.timeline.after(to_sim(heartbeat_interval_), [this, run = run_, beat = ++beats_] {
    if (run == run_ && alive() && beat == beats_) {
      heartbeat();
    }
  });
}

void SimAgent::link_closed(const ConnectionPtr& connection) {
  if (!alive() || connection != connection_) {
    return;
  }
  connection_.reset();
  command(agent::LinkDown{});
  if (!alive()) {
    return;
  }
  dialing_ = true;
  world_.timeline.after(world_.random.duration(10, 500), [this, run = run_] {
    if (run == run_) {
      dialing_ = false;
      dial();
    }
  });
}

void SimAgent::receive(const ConnectionPtr& connection, const DownMessage& message) {
  if (!alive() || connection != connection_) {
    return;
  }
  if (std::holds_alternative<Rejected>(message)) {
    world_.trace([&] { return info_.id.value() + " is rejected"; });
    if (world_.options.scenario == Scenario::Calm) {
      world_.fail(info_.id.value() + " beats as often as it was told and counts as lost");
    }
    return;  // the close follows
  }
  if (const auto* wanted = std::get_if<HeartbeatWanted>(&message)) {
    if (!world_.options.paced_agents) {
      world_.fail(info_.id.value() + " is told how often to beat and cannot know it");
    }
    heartbeat_interval_ = wanted->interval;
    heartbeat();
    return;
  }
  const auto& order = std::get<agent::AgentCommand>(message);
  expect_stops(order);
  command(order);
  if (alive() && std::holds_alternative<agent::LinkUp>(order)) {
    heartbeat_interval_ = world_.options.core.heartbeats.interval;
    heartbeat();
    haunt();
  }
}

// What the controller disowns is dead soon after, however stubborn it is.
void SimAgent::expect_stops(const agent::AgentCommand& order) {
  std::vector<AttemptKey> stopped;
  if (const auto* stop = std::get_if<agent::StopOrder>(&order)) {
    stopped.push_back(stop->key);
  } else if (const auto* link_up = std::get_if<agent::LinkUp>(&order)) {
    stopped = link_up->stop;
  }
  for (const AttemptKey& key : stopped) {
    world_.timeline.after(kDeadWithin, [this, run = run_, key] {
      if (run == run_ && processes_.contains(key)) {
        world_.fail(info_.id.value() + " was told to stop " + to_string(key.job) +
                    " and lets it run");
      }
    });
  }
}

// An order of a deposed controller arrives late: it must change nothing.
void SimAgent::haunt() {
  const std::uint64_t seen = core_->controller_epoch_seen();
  const agent::AgentCommand* ghost = world_.network.ghost_for(index_, seen);
  if (ghost == nullptr || !world_.faults_on ||
      !world_.random.chance(world_.options.faults.ghost_order)) {
    return;
  }
  std::vector<agent::AgentEffect> effects;
  command(agent::TimePassed{});
  if (!alive()) {
    return;
  }
  core_->handle(*ghost, clock(), effects);
  if (!effects.empty() || core_->controller_epoch_seen() != seen) {
    world_.fail(info_.id.value() + " obeys an order of an earlier controller");
  }
}

void SimAgent::command(const agent::AgentCommand& command) {
  std::vector<agent::AgentEffect> effects;
  core_->handle(command, clock(), effects);
  core_->check_invariants();
  for (const agent::AgentEffect& effect : effects) {
    if (!alive()) {
      return;
    }
    std::visit([this](const auto& value) { perform(value); }, effect);
  }
  arm_timer();
}

void SimAgent::arm_timer() {
  if (!alive()) {
    return;
  }
  const auto next = core_->next_deadline();
  if (!next.has_value()) {
    return;
  }
  const Duration wait = std::max(*next - clock(), Duration(0));
  const TimePoint at = world_.timeline.now() + to_sim(wait);
  if (timer_at_.has_value() && *timer_at_ <= at && *timer_at_ > world_.timeline.now()) {
    return;
  }
  timer_at_ = at;
  world_.timeline.at(at, [this, run = run_, at] {
    if (run == run_ && timer_at_ == at) {
      timer_at_.reset();
      command(agent::TimePassed{});
    }
  });
}

void SimAgent::perform(const agent::StartProcess& effect) {
  const AttemptKey key = effect.key;
  const StoredJob* row = world_.store.find(key.job);
  Process process;
  process.plan = run_plan(world_.plans[row->plan], key.attempt);
  process.life = ++next_life_;
  const Duration spawn = process.plan.spawn;
  const std::int64_t life = process.life;
  processes_[key] = process;
  world_.timeline.after(spawn, [this, run = run_, key, life] {
    const auto found = processes_.find(key);
    if (run == run_ && found != processes_.end() && found->second.life == life) {
      spawned(key);
    }
  });
}

void SimAgent::spawned(const AttemptKey& key) {
  Process& process = processes_.at(key);
  if (process.plan.end == RunEnd::SpawnFailure) {
    processes_.erase(key);
    command(agent::SpawnFailed{key, Reason::CommandNotFound, "no such command"});
    return;
  }
  process.stage = Stage::Running;
  process.started_at = clock();
  world_.history.on_process_start(info_.id, run_, key);
  schedule_natural_end(key);
  command(agent::SpawnDone{key});
}

void SimAgent::schedule_natural_end(const AttemptKey& key) {
  const Process& process = processes_.at(key);
  const RunPlan& plan = process.plan;
  agent::ProcessEnded ended{.key = key};
  switch (plan.end) {
    case RunEnd::Exit:
      ended.exit_code = plan.code;
      break;
    case RunEnd::Signal:
      ended.signal = plan.code;
      break;
    case RunEnd::Oom:
      ended.exit_code = plan.code;
      ended.oom_killed = true;
      break;
    case RunEnd::OutputFlood:
      world_.timeline.after(plan.runs, [this, run = run_, key, life = process.life] {
        const auto found = processes_.find(key);
        if (run == run_ && found != processes_.end() && found->second.life == life) {
          command(agent::OutputLimitReached{key});
        }
      });
      return;
    case RunEnd::Forever:
    case RunEnd::SpawnFailure:
      return;
  }
  world_.timeline.after(plan.runs, [this, run = run_, key, life = process.life, ended] {
    const auto found = processes_.find(key);
    if (run == run_ && found != processes_.end() && found->second.life == life) {
      end_after(key, Duration(0), ended);
    }
  });
}

// From here on its fate is sealed; the group is empty and read to its end `delay` later.
void SimAgent::end_after(const AttemptKey& key, Duration delay, agent::ProcessEnded ended) {
  const auto found = processes_.find(key);
  if (found == processes_.end() || found->second.stage == Stage::Dying) {
    return;
  }
  const std::optional<TimePoint> started_at = found->second.started_at;
  found->second.stage = Stage::Dying;
  found->second.life = ++next_life_;
  if (started_at) {
    ended.wall_ms = (clock() - *started_at).count();
  }
  world_.timeline.after(delay, [this, run = run_, key, ended, started_at, life = next_life_] {
    const auto process = processes_.find(key);
    if (run != run_ || process == processes_.end() || process->second.life != life) {
      return;
    }
    const JobPlan& plan = world_.plans[world_.store.find(key.job)->plan];
    const Duration limit = plan.timeout + plan.grace + kDeadWithin;
    if (started_at && clock() - *started_at > limit) {
      world_.fail(to_string(key.job) + " runs far past its time limit");
    }
    processes_.erase(process);
    if (started_at) {
      world_.history.on_process_end(info_.id, run_, key);
      command(ended);
    } else if (ended.launcher_lost) {
      command(ended);
    } else {
      command(agent::SpawnFailed{key, Reason::SpawnFailed, "killed before exec"});
    }
  });
}

void SimAgent::perform(const agent::TerminateGroup& effect) {
  const auto found = processes_.find(effect.key);
  if (found == processes_.end() || found->second.stage != Stage::Running ||
      found->second.plan.ignores_term) {
    return;
  }
  agent::ProcessEnded ended{.key = effect.key};
  if (found->second.plan.exits_zero_on_term) {
    ended.exit_code = 0;
  } else {
    ended.signal = 15;
  }
  end_after(effect.key, world_.random.duration(0, 200), ended);
}

void SimAgent::perform(const agent::KillGroup& effect) {
  const auto found = processes_.find(effect.key);
  if (found == processes_.end() || ++found->second.kills < found->second.plan.kills_needed) {
    return;
  }
  end_after(effect.key, world_.random.duration(0, 20), {.key = effect.key, .signal = 9});
}

// A report may reach the controller twice, the second time late and out of order.
void SimAgent::send_report(UpMessage message) {
  if (connection_ == nullptr) {
    return;
  }
  if (world_.faults_on && world_.random.chance(world_.options.faults.message_duplicate)) {
    const Duration late = world_.random.duration(0, world_.random.chance(0.3) ? 60'000 : 500);
    world_.timeline.after(late, [this, run = run_, message] {
      if (run == run_ && connection_ != nullptr) {
        world_.network.send_up(connection_, message);
      }
    });
  }
  world_.network.send_up(connection_, std::move(message));
}

void SimAgent::perform(const agent::ReportStarted& effect) {
  send_report(StartedMessage{effect.key});
}

void SimAgent::perform(const agent::ReportFinished& effect) {
  send_report(FinishedMessage{effect.key, effect.result});
}

void SimAgent::perform(const agent::SpoolResult& effect) {
  world_.history.on_result(info_.id, effect.key, effect.result);
}

void SimAgent::perform(const agent::ForgetAttempt& effect) {
  if (processes_.contains(effect.key)) {
    world_.fail(info_.id.value() + " forgets an attempt whose process is alive");
  }
}

void SimAgent::perform(const agent::SayDraining&) {
  if (connection_ != nullptr) {
    world_.network.send_up(connection_, DrainingMessage{});
  }
}

void SimAgent::perform(const agent::Drained&) {
  world_.trace([&] { return info_.id.value() + " has drained and leaves"; });
  leave();
}

}  // namespace hearth::sim
