#include "agent/core/agent_core.h"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/core/attempt_end.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/mutate.h"

namespace hearth::agent {
namespace {

// A kill is asked for again this often until the group is empty: a process in the kernel's hands
// may not die of the first one.
constexpr Duration kKillRepeat{1'000};
// After the drain deadline: how long unacknowledged results may keep a disconnected agent alive.
constexpr Duration kDrainReportTime{5'000};

enum class Phase : std::uint8_t {
  Assigned,  // an older attempt of the same job is still dying here
  Starting,
  Running,
  Exited,  // the result is spooled and waits for its acknowledgement
};

enum class Ending : std::uint8_t { No, Terminating, Killing };

struct Held {
  Phase phase = Phase::Assigned;
  Duration grace{};
  bool kill_on_output_limit = false;
  std::optional<TimePoint> times_out_at;  // set from process start until something ends it
  bool started = false;
  bool started_acked = false;
  // The controller disowned it: no report, gone when its processes are.
  bool disowned = false;
  Ending ending = Ending::No;
  TimePoint next_kill_at{};  // meaningful while ending
  EndCauses causes;
  AttemptResult result;  // meaningful once Exited
};

}  // namespace

class AgentCore::Impl {
 public:
  void handle(const AgentCommand& command, TimePoint now, std::vector<AgentEffect>& effects) {
    now_ = now;
    effects_ = &effects;
    std::visit([this](const auto& value) { on(value); }, command);
    fire_timers();
    finish_drain();
    effects_ = nullptr;
  }

  std::map<AttemptKey, Held> attempts_;
  std::uint64_t epoch_seen_ = 0;
  bool drain_ordered_ = false;
  bool drain_begun_ = false;

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] std::int64_t running() const;
  void check_invariants() const;

 private:
  using Entry = std::map<AttemptKey, Held>::iterator;

  void on(const LinkUp& command);
  void on(const LinkDown&) { link_up_ = false; }
  void on(const Assign& command);
  void on(const CancelOrder& command);
  void on(const StopOrder& command);
  void on(const ReportAcked& command);
  void on(const DrainOrder& command);
  void on(const BeginDrain& command);
  void on(const SpawnDone& command);
  void on(const SpawnFailed& command);
  void on(const ProcessEnded& command);
  void on(const OutputLimitReached& command);
  void on(const TimePassed&) {}

  template <class E>
  void emit(E effect) {
    effects_->push_back(std::move(effect));
  }

  // False for an order of a deposed controller.
  bool accept_epoch(std::uint64_t epoch);
  void start_or_wait(Entry entry);
  void terminate(Entry entry);
  void kill(Entry entry);
  void disown(Entry entry);
  void finish(Entry entry, AttemptResult result);
  void forget(Entry entry);
  void start_successor(JobId job);
  void report(Entry entry);
  void fire_timers();
  void evict_for_drain();
  void finish_drain();

  TimePoint now_{};
  std::vector<AgentEffect>* effects_ = nullptr;
  bool link_up_ = false;
  Duration drain_deadline_{};
  TimePoint evict_at_{};
  bool evicted_ = false;
  bool drained_said_ = false;
};

bool AgentCore::Impl::accept_epoch(std::uint64_t epoch) {
  if (epoch < epoch_seen_ && !HEARTH_MUTATE(agent_obeys_deposed_controller)) {
    return false;
  }
  epoch_seen_ = epoch;
  return true;
}

void AgentCore::Impl::on(const LinkUp& command) {
  if (!accept_epoch(command.controller_epoch)) {
    return;
  }
  link_up_ = true;
  if (drain_begun_) {
    emit(SayDraining{});
  }
  std::vector<AttemptKey> unwanted;
  for (auto entry = attempts_.begin(); entry != attempts_.end(); ++entry) {
    const AttemptKey& key = entry->first;
    if (std::find(command.keep.begin(), command.keep.end(), key) == command.keep.end()) {
      unwanted.push_back(key);
    } else if (!entry->second.disowned && !HEARTH_MUTATE(agent_reports_once)) {
      report(entry);
    }
  }
  for (const AttemptKey& key : unwanted) {
    if (auto entry = attempts_.find(key); entry != attempts_.end()) {
      disown(entry);
    }
  }
}

void AgentCore::Impl::on(const Assign& command) {
  if (!accept_epoch(command.controller_epoch) || command.key.epoch == 0 ||
      attempts_.contains(command.key) || drained_said_) {
    return;
  }
  std::vector<AttemptKey> older;
  for (auto& [key, held] : attempts_) {
    if (key.job != command.key.job) {
      continue;
    }
    if (key.epoch >= command.key.epoch) {
      return;  // an order from before what is held
    }
    older.push_back(key);
  }
  for (const AttemptKey& key : older) {
    if (auto entry = attempts_.find(key); entry != attempts_.end()) {
      disown(entry);
    }
  }
  drain_ordered_ = false;  // who assigns does not want it drained any more
  Held held;
  // A controller is another program: times beyond any job's must not pass the end of time.
  held.grace = std::clamp(command.grace, Duration(0), limits::kGraceMax);
  held.kill_on_output_limit = command.kill_on_output_limit;
  held.causes.timeout = std::clamp(command.timeout, Duration(0), limits::kTimeoutMax);
  const auto entry = attempts_.emplace(command.key, std::move(held)).first;
  if (evicted_) {
    entry->second.causes.drained = true;
    entry->second.causes.drain_deadline = drain_deadline_;
    finish(entry, result_of_no_start(entry->second.causes));
    return;
  }
  start_or_wait(entry);
}

// Two copies of a job never run side by side on one agent: the newer waits for the older's group to
// be empty.
void AgentCore::Impl::start_or_wait(Entry entry) {
  const AttemptKey key = entry->first;
  const bool occupied = std::any_of(attempts_.begin(), attempts_.end(), [&key](const auto& other) {
    return other.first.job == key.job && other.first != key && other.second.phase != Phase::Exited;
  });
  if (!occupied) {
    entry->second.phase = Phase::Starting;
    emit(StartProcess{key});
  }
}

void AgentCore::Impl::on(const CancelOrder& command) {
  if (!accept_epoch(command.controller_epoch)) {
    return;
  }
  const auto entry = attempts_.find(command.key);
  if (entry == attempts_.end() || entry->second.disowned || entry->second.phase == Phase::Exited) {
    return;
  }
  entry->second.causes.cancelled = true;
  if (entry->second.phase == Phase::Assigned) {
    finish(entry, result_of_no_start(entry->second.causes));
  } else {
    terminate(entry);
  }
}

void AgentCore::Impl::on(const StopOrder& command) {
  if (!accept_epoch(command.controller_epoch)) {
    return;
  }
  if (const auto entry = attempts_.find(command.key); entry != attempts_.end()) {
    disown(entry);
  }
}

void AgentCore::Impl::on(const ReportAcked& command) {
  if (!accept_epoch(command.controller_epoch)) {
    return;
  }
  const auto entry = attempts_.find(command.key);
  if (entry == attempts_.end()) {
    return;
  }
  Held& held = entry->second;
  if (command.finished) {
    if (held.phase == Phase::Exited) {
      forget(entry);
    }
  } else if (command.accepted) {
    held.started_acked = true;
  } else if (held.phase != Phase::Exited) {
    disown(entry);
  }
}

void AgentCore::Impl::on(const DrainOrder& command) {
  if (accept_epoch(command.controller_epoch)) {
    drain_ordered_ = true;
  }
}

void AgentCore::Impl::on(const BeginDrain& command) {
  if (drain_begun_) {
    return;
  }
  drain_begun_ = true;
  drain_deadline_ = command.deadline;
  evict_at_ = now_ + command.deadline;
  if (link_up_) {
    emit(SayDraining{});
  }
}

void AgentCore::Impl::on(const SpawnDone& command) {
  const auto entry = attempts_.find(command.key);
  if (entry == attempts_.end() || entry->second.phase != Phase::Starting) {
    return;
  }
  Held& held = entry->second;
  held.phase = Phase::Running;
  held.started = true;
  if (!held.disowned) {
    report(entry);
  }
  if (held.ending == Ending::Killing) {
    kill(entry);
  } else if (held.ending == Ending::Terminating) {
    held.ending = Ending::No;  // the signal before had nobody to reach; the grace starts here
    terminate(entry);
  } else {
    held.times_out_at = now_ + held.causes.timeout;
  }
}

void AgentCore::Impl::on(const SpawnFailed& command) {
  const auto entry = attempts_.find(command.key);
  if (entry != attempts_.end() && entry->second.phase == Phase::Starting) {
    finish(entry, result_of_spawn_failure(command, entry->second.causes));
  }
}

void AgentCore::Impl::on(const ProcessEnded& command) {
  const auto entry = attempts_.find(command.key);
  if (entry != attempts_.end() &&
      (entry->second.phase == Phase::Starting || entry->second.phase == Phase::Running)) {
    finish(entry, result_of_end(command, entry->second.causes));
  }
}

// Said once, and maybe before the start is: a fast writer's output overtakes it.
void AgentCore::Impl::on(const OutputLimitReached& command) {
  const auto entry = attempts_.find(command.key);
  if (entry != attempts_.end() &&
      (entry->second.phase == Phase::Starting || entry->second.phase == Phase::Running) &&
      entry->second.kill_on_output_limit) {
    entry->second.causes.output_limit = true;
    kill(entry);
  }
}

// SIGTERM now and a kill after the grace; what is already ending keeps its clock.
void AgentCore::Impl::terminate(Entry entry) {
  Held& held = entry->second;
  if (held.ending != Ending::No) {
    return;
  }
  if (held.grace <= Duration::zero()) {
    kill(entry);
    return;
  }
  held.times_out_at.reset();
  held.ending = Ending::Terminating;
  held.next_kill_at = now_ + held.grace;
  emit(TerminateGroup{entry->first});
}

void AgentCore::Impl::kill(Entry entry) {
  Held& held = entry->second;
  held.times_out_at.reset();
  held.ending = Ending::Killing;
  held.next_kill_at = now_ + kKillRepeat;
  emit(KillGroup{entry->first});
}

void AgentCore::Impl::disown(Entry entry) {
  Held& held = entry->second;
  if (held.phase == Phase::Exited || held.phase == Phase::Assigned) {
    forget(entry);
    return;
  }
  if (!held.disowned && !HEARTH_MUTATE(agent_ignores_stop)) {
    held.disowned = true;
    kill(entry);
  }
}

void AgentCore::Impl::finish(Entry entry, AttemptResult result) {
  Held& held = entry->second;
  if (held.disowned) {
    forget(entry);
    return;
  }
  held.phase = Phase::Exited;
  held.ending = Ending::No;
  held.times_out_at.reset();
  held.result = std::move(result);
  emit(SpoolResult{entry->first, held.result});
  if (link_up_) {
    emit(ReportFinished{entry->first, held.result});
  }
  start_successor(entry->first.job);
}

void AgentCore::Impl::forget(Entry entry) {
  const AttemptKey key = entry->first;
  attempts_.erase(entry);
  emit(ForgetAttempt{key});
  start_successor(key.job);
}

void AgentCore::Impl::start_successor(JobId job) {
  const auto waiting = std::find_if(attempts_.begin(), attempts_.end(), [job](const auto& other) {
    return other.first.job == job && other.second.phase == Phase::Assigned;
  });
  if (waiting != attempts_.end()) {
    start_or_wait(waiting);
  }
}

// What the controller has not acknowledged yet, in the order it happened.
void AgentCore::Impl::report(Entry entry) {
  const auto& [key, held] = *entry;
  if (!link_up_) {
    return;
  }
  if (held.started && !held.started_acked) {
    emit(ReportStarted{key});
  }
  if (held.phase == Phase::Exited) {
    emit(ReportFinished{key, held.result});
  }
}

void AgentCore::Impl::fire_timers() {
  for (auto entry = attempts_.begin(); entry != attempts_.end(); ++entry) {
    Held& held = entry->second;
    if (held.times_out_at.has_value() && *held.times_out_at <= now_ &&
        !HEARTH_MUTATE(agent_ignores_timeout)) {
      held.causes.timed_out = true;
      terminate(entry);
    }
    if (held.ending != Ending::No && held.next_kill_at <= now_) {
      kill(entry);
    }
  }
  if (drain_begun_ && !evicted_ && evict_at_ <= now_) {
    evict_for_drain();
  }
}

void AgentCore::Impl::evict_for_drain() {
  evicted_ = true;
  std::vector<AttemptKey> keys;
  for (const auto& [key, held] : attempts_) {
    if (held.phase != Phase::Exited && !held.disowned) {
      keys.push_back(key);
    }
  }
  for (const AttemptKey& key : keys) {
    const auto entry = attempts_.find(key);
    entry->second.causes.drained = true;
    entry->second.causes.drain_deadline = drain_deadline_;
    if (entry->second.phase == Phase::Assigned) {
      finish(entry, result_of_no_start(entry->second.causes));
    } else {
      kill(entry);
    }
  }
}

void AgentCore::Impl::finish_drain() {
  if (drain_begun_ && !drained_said_ &&
      (attempts_.empty() || evict_at_ + kDrainReportTime <= now_)) {
    drained_said_ = true;
    emit(Drained{});
  }
}

std::optional<TimePoint> AgentCore::Impl::next_deadline() const {
  std::optional<TimePoint> next;
  const auto consider = [&next](TimePoint at) {
    if (!next.has_value() || at < *next) {
      next = at;
    }
  };
  for (const auto& [key, held] : attempts_) {
    if (held.times_out_at.has_value()) {
      consider(*held.times_out_at);
    }
    if (held.ending != Ending::No) {
      consider(held.next_kill_at);
    }
  }
  if (drain_begun_ && !drained_said_) {
    consider(evicted_ ? evict_at_ + kDrainReportTime : evict_at_);
  }
  return next;
}

std::int64_t AgentCore::Impl::running() const {
  return std::count_if(attempts_.begin(), attempts_.end(),
                       [](const auto& entry) { return entry.second.phase != Phase::Exited; });
}

void AgentCore::Impl::check_invariants() const {
  const AttemptKey* previous = nullptr;
  bool previous_wanted = false;
  for (const auto& [key, held] : attempts_) {
    const bool same_job = previous != nullptr && previous->job == key.job;
    const bool wanted = !held.disowned && held.phase != Phase::Exited;
    HEARTH_CHECK(!(same_job && wanted && previous_wanted), "two wanted attempts of one job");
    previous_wanted = wanted || (same_job && previous_wanted);
    previous = &key;
    HEARTH_CHECK(!held.disowned || held.ending == Ending::Killing,
                 "a disowned attempt is not being killed");
    HEARTH_CHECK(held.phase == Phase::Starting || held.phase == Phase::Running ||
                     (held.ending == Ending::No && !held.disowned),
                 "an attempt without a process is being ended");
    HEARTH_CHECK(held.times_out_at.has_value() ==
                     (held.phase == Phase::Running && held.ending == Ending::No),
                 "the time limit runs exactly while the process runs undisturbed");
    HEARTH_CHECK(held.phase != Phase::Exited || is_final(held.result.state),
                 "an ended attempt has no final result");
    HEARTH_CHECK(key.epoch > 0, "an attempt without an epoch");
  }
}

AgentCore::AgentCore() : impl_(std::make_unique<Impl>()) {}

AgentCore::~AgentCore() = default;

void AgentCore::handle(const AgentCommand& command, TimePoint now,
                       std::vector<AgentEffect>& effects) {
  impl_->handle(command, now, effects);
}

std::vector<HeldState> AgentCore::held() const {
  std::vector<HeldState> states;
  for (const auto& [key, held] : impl_->attempts_) {
    if (!held.disowned) {
      states.push_back({key, held.started, held.phase == Phase::Exited});
    }
  }
  return states;
}

std::uint64_t AgentCore::controller_epoch_seen() const {
  return impl_->epoch_seen_;
}

std::optional<TimePoint> AgentCore::next_deadline() const {
  return impl_->next_deadline();
}

std::int64_t AgentCore::running() const {
  return impl_->running();
}

bool AgentCore::draining() const {
  return impl_->drain_ordered_ || impl_->drain_begun_;
}

void AgentCore::check_invariants() const {
  impl_->check_invariants();
}

}  // namespace hearth::agent
