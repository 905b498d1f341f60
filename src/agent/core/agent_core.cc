#include "agent/core/agent_core.h"

#include <algorithm>

#include "agent/core/agent_core_impl.h"
#include "base/check.h"
#include "base/mutate.h"

namespace hearth::agent {
namespace {

// After the drain deadline: how long unacknowledged results may keep a disconnected agent alive.
constexpr Duration kDrainReportTime{5'000};

}  // namespace

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
      states.push_back({key, held.started, held.phase == Impl::Phase::Exited});
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
