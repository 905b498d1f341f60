// What the controller and the launcher tell.
#include <algorithm>
#include <utility>

#include "agent/core/agent_core_impl.h"
#include "base/limits.h"
#include "base/mutate.h"

namespace hearth::agent {

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
    // `now` is cut to a whole millisecond: without one more, a limit would end early by its rest.
    held.times_out_at = now_ + held.causes.timeout + Duration(1);
  }
}

// Also of one that has been said to run: its interpreter died before the script began, and could
// not be started anew.
void AgentCore::Impl::on(const SpawnFailed& command) {
  const auto entry = attempts_.find(command.key);
  if (entry != attempts_.end() &&
      (entry->second.phase == Phase::Starting || entry->second.phase == Phase::Running)) {
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

}  // namespace hearth::agent
