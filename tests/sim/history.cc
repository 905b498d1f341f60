#include "history.h"

#include <algorithm>
#include <cmath>

#include "world.h"

namespace hearth::sim {
namespace {

bool holds_resources(JobState state) {
  return state == JobState::Assigned || state == JobState::Running;
}

bool allowed(JobState from, JobState to) {
  switch (from) {
    case JobState::Submitted:
      return to == JobState::Submitted || to == JobState::Queued || to == JobState::Failed ||
             to == JobState::Cancelled;
    case JobState::Queued:
      // Running: a lost attempt came back before another was assigned.
      return to == JobState::Queued || to == JobState::Assigned || to == JobState::Running ||
             to == JobState::Failed || to == JobState::Cancelled;
    case JobState::Assigned:
    case JobState::Running:
      return !(from == JobState::Running && to == JobState::Assigned);
    default:
      return false;
  }
}

std::string describe(const JobRecord& record) {
  return std::string(to_string(record.state)) + "/" + std::string(to_string(record.reason)) +
         " attempt " + std::to_string(record.attempt) + " epoch " + std::to_string(record.epoch) +
         " on '" + record.agent.value() + "'";
}

AttemptKey key_of(const JobRecord& record) {
  return {record.id, record.attempt, record.epoch};
}

// A lost attempt came back before another was assigned and goes on: the one way by which an epoch
// and a count of losses go down.
bool is_adoption(const StoredJob& row, const JobRecord& after) {
  const auto attempt = row.attempts.find(after.attempt);
  return row.record.state == JobState::Queued && holds_resources(after.state) &&
         after.attempt == row.record.attempt && after.losses + 1 == row.record.losses &&
         attempt != row.attempts.end() && attempt->second.epoch == after.epoch &&
         attempt->second.agent == after.agent && row.record.epoch == after.epoch + 1;
}

bool retries_on(const SchedulingSpec& spec, const JobRecord& record) {
  const RetryOn& on = spec.retry_on;
  if (record.state == JobState::TimedOut) {
    return std::find(on.reasons.begin(), on.reasons.end(), Reason::TimedOut) != on.reasons.end();
  }
  if (on.exit_codes.empty() && on.reasons.empty()) {
    return true;
  }
  const bool code = record.exit_code.has_value() &&
                    std::find(on.exit_codes.begin(), on.exit_codes.end(), *record.exit_code) !=
                        on.exit_codes.end();
  return code || std::find(on.reasons.begin(), on.reasons.end(), record.reason) != on.reasons.end();
}

}  // namespace

void History::fail(JobId id, const std::string& what) const {
  world_.fail("job " + to_string(id) + ": " + what);
}

void History::on_decided(const JobEvent& event) {
  decided_at_.insert_or_assign(event.seq, world_.timeline.now());
}

bool History::passed(EventSeq from, EventSeq to, Duration by_wall, Duration wanted) const {
  return by_wall >= wanted || decided_at_.at(to) - decided_at_.at(from) >= wanted;
}

void History::on_event(const StoredJob& row, const JobEvent& event) {
  world_.note_progress();
  world_.trace([&] {
    return "durable " + std::to_string(event.seq.value()) + " " + to_string(event.after.id) + " " +
           std::string(to_string(event.kind)) + " " + describe(event.after);
  });
  losses_ += event.after.losses > row.record.losses ? 1 : 0;
  fingerprint_ ^= event.after.id.value() + static_cast<std::uint64_t>(to_ms(event.at)) +
                  static_cast<std::uint64_t>(event.after.state);
  fingerprint_ = splitmix(fingerprint_);
  check_transition(row, event);
  if (is_adoption(row, event.after)) {
    ++adoptions_;
  } else if (event.after.state == JobState::Assigned && row.record.state != JobState::Assigned) {
    check_placement(row, event);
  }
  if (event.after.state == JobState::Queued && row.record.state != JobState::Queued) {
    queued_[event.after.id] = event.seq;
  }
  if (is_final(event.after.state)) {
    ended_[event.after.id] = event.seq;
    check_final(row, event.after);
  }
  if (event.kind == JobEventKind::Requeued && event.after.failures > row.record.failures) {
    const Backoff& backoff = row.spec.backoff;
    const double wait =
        std::min(static_cast<double>(backoff.initial.count()) *
                     std::pow(backoff.factor, static_cast<double>(event.after.failures) - 1),
                 static_cast<double>(backoff.max.count()));
    back_offs_[event.after.id] = {
        .from = event.seq, .at = event.at, .length = Duration(static_cast<std::int64_t>(wait) - 1)};
  }
  account(row, event.after);
}

void History::check_transition(const StoredJob& row, const JobEvent& event) {
  const JobRecord& before = row.record;
  const JobRecord& after = event.after;
  if (before.id.empty()) {
    if (event.kind != JobEventKind::Submitted) {
      fail(after.id, "its first event is " + std::string(to_string(event.kind)));
    }
    return;
  }
  if (is_final(before.state)) {
    fail(after.id, "changes after its end: " + describe(before) + " -> " + describe(after));
    return;
  }
  if (!allowed(before.state, after.state)) {
    fail(after.id, "goes " + describe(before) + " -> " + describe(after));
  }
  const bool adopted = is_adoption(row, after);
  if (before.state == JobState::Queued && after.state == JobState::Running && !adopted) {
    fail(after.id, "runs without an assignment: " + describe(before) + " -> " + describe(after));
  }
  if ((after.epoch < before.epoch && !adopted) || (after.losses < before.losses && !adopted) ||
      after.failures < before.failures || after.created_at != before.created_at) {
    fail(after.id, "goes back: " + describe(before) + " -> " + describe(after));
  }
  if (event.at < row.last_event_at) {
    fail(after.id, "its events run backwards in time");
  }
  if (!before.cancel_requested_at.has_value()) {
    return;
  }
  if (after.cancel_requested_at != before.cancel_requested_at) {
    fail(after.id, "its cancel request is forgotten");
  }
  const bool stays = after.state == before.state || after.state == JobState::Running;
  if (!stays && after.state != JobState::Cancelled) {
    fail(after.id, "goes on after its cancel: " + describe(after));
  }
}

void History::check_placement(const StoredJob& row, const JobEvent& event) {
  const JobRecord& after = event.after;
  check_dependencies(row);
  if (after.cancel_requested_at.has_value()) {
    fail(after.id, "is assigned after its cancel");
  }
  if (after.epoch <= row.record.epoch || after.attempt <= row.record.attempt) {
    fail(after.id, "is assigned again without a new epoch: " + describe(after));
  }
  if (after.attempt != after.failures + after.losses + 1) {
    fail(after.id, "its attempts do not add up: " + describe(after) + ", " +
                       std::to_string(after.failures) + " failures, " +
                       std::to_string(after.losses) + " losses");
  }
  if (row.spec.not_before.has_value() && event.at < *row.spec.not_before) {
    fail(after.id, "is assigned before its notBefore");
  }
  const auto wait = back_offs_.find(after.id);
  if (wait != back_offs_.end() &&
      !passed(wait->second.from, event.seq, event.at - wait->second.at, wait->second.length)) {
    fail(after.id, "is assigned before its back-off is over");
  }
}

bool History::is_met(const Dependency& dependency) const {
  const StoredJob* other = world_.store.find(dependency.job);
  const bool ended = other != nullptr && is_final(other->record.state);
  const bool ok = ended && other->record.state == JobState::Completed;
  switch (dependency.condition) {
    case DependencyCondition::Any:
      return ended;
    case DependencyCondition::Ok:
      return ok;
    case DependencyCondition::NotOk:
      return ended && !ok;
  }
  return false;
}

bool History::has_unmet_dependency(const StoredJob& row) const {
  return std::any_of(row.spec.after.begin(), row.spec.after.end(), [this](const Dependency& on) {
    const StoredJob* other = world_.store.find(on.job);
    return other != nullptr && is_final(other->record.state) && !is_met(on);
  });
}

void History::check_dependencies(const StoredJob& row) const {
  for (const Dependency& dependency : row.spec.after) {
    const StoredJob* other = world_.store.find(dependency.job);
    if (!is_met(dependency)) {
      fail(row.made.id, "is assigned before its dependency " + to_string(dependency.job) +
                            " allows it (" + std::string(to_string(dependency.condition)) + ", " +
                            (other == nullptr ? "not stored" : describe(other->record)) + ")");
    }
  }
}

void History::check_final(const StoredJob& row, const JobRecord& after) const {
  const bool cancelled = after.state == JobState::Cancelled;
  if (cancelled != after.cancel_requested_at.has_value()) {
    fail(after.id, "cancel and end disagree: " + describe(after));
  }
  if (after.state == JobState::Completed || after.state == JobState::TimedOut) {
    const auto result = results_.find({key_of(after), after.agent});
    if (result == results_.end() || result->second.state != after.state ||
        result->second.exit_code != after.exit_code) {
      fail(after.id, "ended as no process of it did: " + describe(after));
    }
  }
  if (after.state == JobState::TimedOut &&
      static_cast<std::int64_t>(after.failures) <= row.spec.max_retries &&
      retries_on(row.spec, after)) {
    fail(after.id, "timed out with retries left");
  }
  if (after.state != JobState::Failed) {
    return;
  }
  const bool waited = after.reason == Reason::DependencyFailed ||
                      after.reason == Reason::QueueTimeout || after.reason == Reason::Infeasible;
  if (after.message.empty()) {
    fail(after.id, "failed without a sentence");
  }
  if (after.reason == Reason::QueueTimeout &&
      (!row.spec.max_queue.has_value() ||
       !passed(queued_.at(after.id), ended_.at(after.id), *after.completed_at - *after.queued_at,
               *row.spec.max_queue))) {
    fail(after.id, "has not waited longer than its maxQueueMs");
  }
  if (after.reason == Reason::DependencyFailed && !has_unmet_dependency(row)) {
    fail(after.id, "blames a dependency, but none of them failed it");
  }
  if (is_loss(after.reason)) {
    if (static_cast<std::int64_t>(after.losses) <= row.spec.max_lost) {
      fail(after.id, "is given up with losses left: " + describe(after));
    }
  } else if (!waited && static_cast<std::int64_t>(after.failures) <= row.spec.max_retries &&
             retries_on(row.spec, after)) {
    fail(after.id, "failed with retries left: " + describe(after));
  }
}

void History::account(const StoredJob& row, const JobRecord& after) {
  const auto move = [&](const JobRecord& record, bool in) {
    if (!holds_resources(record.state)) {
      return;
    }
    Load& load = loads_[record.agent];
    if (in) {
      load.reserved.add(row.spec.request);
    } else {
      load.reserved.subtract(row.spec.request);
    }
    load.attempts += in ? 1 : -1;
    if (!row.spec.group.empty()) {
      groups_[row.spec.group] += in ? 1 : -1;
    }
  };
  move(row.record, false);
  move(after, true);
}

// Where the clock was set back since, what ended later has an earlier time, and is at most as old.
TimePoint History::earliest_end_since(const StoredJob& row) const {
  TimePoint earliest = *row.record.completed_at;
  for (const auto& [id, other] : world_.store.jobs()) {
    const auto ended = ended_.find(id);
    if (ended != ended_.end() && ended_.at(row.made.id) < ended->second) {
      earliest = std::min(earliest, *other.record.completed_at);
    }
  }
  return earliest;
}

void History::on_removed(const StoredJob& row, TimePoint now, std::int64_t finished) {
  const JobId id = row.made.id;
  ++removals_;
  if (!is_final(row.record.state) || row.removed) {
    fail(id, "is removed though it is " + (row.removed ? "gone already" : describe(row.record)));
    return;
  }
  const Duration elapsed = world_.timeline.now() - decided_at_.at(ended_.at(id));
  const Duration age = std::max<Duration>(now - *row.record.completed_at, elapsed);
  const Duration age_by_order = std::max<Duration>(now - earliest_end_since(row), elapsed);
  const core::RetentionLimits& bounds = world_.options.retention;
  if (age < limits::kFinishedKeptMin || (age_by_order < bounds.age && finished <= bounds.jobs)) {
    fail(id, "is removed " + std::to_string(age.count()) + " ms after its end, being one of " +
                 std::to_string(finished) + " finished jobs");
  }
}

void History::check_loads(const std::map<AgentId, AgentRecord>& agents) const {
  for (const auto& [id, load] : loads_) {
    const auto agent = agents.find(id);
    if (load.attempts == 0) {
      continue;
    }
    if (agent == agents.end()) {
      world_.fail("attempts are assigned to " + id.value() + ", which is not stored");
    } else if (!load.reserved.fits_in(agent->second.info.capacity) ||
               load.attempts > agent->second.info.max_parallel_jobs) {
      world_.fail(id.value() + " is oversubscribed: " + std::to_string(load.attempts) +
                  " attempts, " + std::to_string(load.reserved.cpu_milli) + " of " +
                  std::to_string(agent->second.info.capacity.cpu_milli) + " milli-cpu");
    }
  }
  for (const auto& [group, count] : groups_) {
    if (count > group_limit_of(group)) {
      world_.fail("group " + group + " runs " + std::to_string(count) + " jobs");
    }
  }
}

void History::on_attempt(const StoredJob& row, const Attempt& after) {
  const JobId id = row.made.id;
  const auto found = row.attempts.find(after.number);
  if (found != row.attempts.end()) {
    const Attempt& before = found->second;
    const bool lost = before.ended_at.has_value() && is_loss(before.result.reason);
    if (before.ended_at.has_value() && !lost) {
      fail(id, "attempt " + std::to_string(after.number) + " changes after its end");
    }
    if (before.agent != after.agent || after.epoch < before.epoch) {
      fail(id, "attempt " + std::to_string(after.number) + " changes its agent or epoch");
    }
  }
  if (!after.ended_at.has_value() || is_loss(after.result.reason)) {
    return;
  }
  const auto result = results_.find({AttemptKey{id, after.number, after.epoch}, after.agent});
  if (result == results_.end()) {
    // Only a cancel may end an attempt that never reported.
    if (after.state != JobState::Cancelled) {
      fail(id, "attempt " + std::to_string(after.number) + " ended " +
                   std::string(to_string(after.state)) + " but no agent says so");
    }
    return;
  }
  const bool same = result->second.state == after.state && result->second == after.result;
  if (!same && after.state != JobState::Cancelled) {
    fail(id, "attempt " + std::to_string(after.number) + " ended as " +
                 std::string(to_string(after.state)) + ", its agent said " +
                 std::string(to_string(result->second.state)));
  }
}

void History::on_process_start(const AgentId& agent, std::int64_t run, const AttemptKey& key) {
  world_.trace([&] {
    return "process of " + to_string(key.job) + " attempt " + std::to_string(key.attempt) +
           " starts on " + agent.value();
  });
  const StoredJob* row = world_.store.find(key.job);
  const auto attempt = row == nullptr ? std::map<std::uint32_t, Attempt>::const_iterator{}
                                      : row->attempts.find(key.attempt);
  if (row == nullptr || attempt == row->attempts.end() || attempt->second.agent != agent) {
    fail(key.job, "runs on " + agent.value() + " though nothing durable says it may");
    return;
  }
  if (!started_.insert(key).second) {
    fail(key.job, "attempt " + std::to_string(key.attempt) + " is started twice");
  }
  auto& copies = running_[key.job];
  for (const Copy& other : copies) {
    const Attempt& older = row->attempts.at(other.key.attempt);
    const bool lost = older.ended_at.has_value() && is_loss(older.result.reason);
    const bool itself_lost = attempt->second.ended_at.has_value();
    if (other.agent == agent || (!lost && !itself_lost)) {
      fail(key.job, "two copies run, and the older was not lost");
    }
    ++overlaps_;
  }
  copies.insert({key, agent, run});
}

void History::on_process_end(const AgentId& agent, std::int64_t run, const AttemptKey& key) {
  if (running_[key.job].erase({key, agent, run}) == 0) {
    fail(key.job, "a process ends that never started");
  }
}

void History::on_result(const AgentId& agent, const AttemptKey& key, const AttemptResult& result) {
  world_.trace([&] {
    return agent.value() + " ends " + to_string(key.job) + " attempt " +
           std::to_string(key.attempt) + " as " + std::string(to_string(result.state)) + "/" +
           std::string(to_string(result.reason));
  });
  if (!results_.emplace(std::pair(key, agent), result).second) {
    fail(key.job, "attempt " + std::to_string(key.attempt) + " has two results");
  }
}

void History::on_submit_acknowledged(const std::string& key, JobId id) {
  acknowledged_ids_.insert(id);
  if (world_.store.find(id) == nullptr) {
    fail(id, "is acknowledged before it is durable");
  }
  if (key.empty()) {
    return;
  }
  // A key lives as long as its job; an answer on its way may be overtaken by the removal of its job
  // and by the answer about the next job of the key.
  JobId& answered = key_answers_.emplace(key, id).first->second;
  const auto is_past = [this](JobId job) {
    const StoredJob* row = world_.store.find(job);
    return row != nullptr && row->removed;
  };
  if (answered != id && !is_past(answered) && !is_past(id)) {
    fail(id, "idempotency key " + key + " was answered with another job before");
  }
  if (!is_past(id)) {
    answered = id;
  }
}

void History::on_cancel_acknowledged(JobId id, const JobRecord& answer) {
  if (is_final(answer.state)) {
    cancel_answers_.emplace(id, answer.state);
  } else if (!answer.cancel_requested_at.has_value()) {
    fail(id, "its cancel is acknowledged without being noted");
  } else {
    cancel_answers_.emplace(id, JobState::Cancelled);
  }
}

RunReport History::report() const {
  RunReport report;
  report.processes = static_cast<std::int64_t>(started_.size());
  report.overlaps = overlaps_;
  report.adoptions = adoptions_;
  report.losses = losses_;
  report.removals = removals_;
  report.fingerprint = fingerprint_;
  return report;
}

void History::check_end() const {
  for (const JobId id : acknowledged_ids_) {
    if (world_.store.find(id) == nullptr) {
      fail(id, "was acknowledged and is lost");
    }
  }
  for (const auto& [id, state] : cancel_answers_) {
    const StoredJob* row = world_.store.find(id);
    if (row == nullptr || row->record.state != state) {
      fail(id, "was to end " + std::string(to_string(state)) + " after its cancel");
    }
  }
  for (const auto& [agent, load] : loads_) {
    if (load.attempts != 0 || !load.reserved.is_zero()) {
      world_.fail(agent.value() + " still has reservations though all jobs have ended");
    }
  }
  for (const auto& [job, copies] : running_) {
    if (!copies.empty()) {
      fail(job, "a process of it is still alive");
    }
  }
  const core::Controller* core = world_.controller.core();
  if (core->live_jobs() != 0) {
    world_.fail("the core still holds " + std::to_string(core->live_jobs()) + " jobs");
  }
  for (const AgentView& view : core->agents(world_.controller.wall())) {
    if (!view.reserved.is_zero() || view.running != 0) {
      world_.fail("the core still reserves on " + view.record.info.id.value());
    }
  }
}

}  // namespace hearth::sim
