// The steps of one attempt from its assignment until nobody asks for it.
#include <algorithm>
#include <utility>

#include "agent/core/agent_core_impl.h"
#include "base/mutate.h"

namespace hearth::agent {
namespace {

// A kill is asked for again this often until the group is empty: a process in the kernel's hands
// may not die of the first one.
constexpr Duration kKillRepeat{1'000};

}  // namespace

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

}  // namespace hearth::agent
