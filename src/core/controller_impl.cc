#include "core/controller_impl.h"

#include <algorithm>

#include "base/check.h"
#include "core/messages.h"

namespace hearth::core {
namespace {

TimePoint latest_transition(const JobRecord& record) {
  TimePoint latest = record.created_at;
  for (const auto& at : {record.queued_at, record.assigned_at, record.started_at,
                         record.completed_at, record.cancel_requested_at}) {
    latest = std::max(latest, at.value_or(latest));
  }
  return latest;
}

}  // namespace

Controller::Impl::Impl(Options options)
    : options_(options),
      state_(options.starvation_after, static_cast<std::size_t>(options.dead_agents_max)) {}

void Controller::Impl::decide(const Command& command, Now now, Decision& decision) {
  begin(now, decision);
  std::visit([this](const auto& c) { on(c); }, command);
  finish_call();
}

void Controller::Impl::schedule(Now now, Decision& decision) {
  begin(now, decision);
  auto& scheduler = state_.scheduler();
  std::int64_t placed = 0;
  std::optional<sched::Placement> placement;
  while (placed < options_.turn_placements_max && (placement = scheduler.next())) {
    assign(scheduler.queue().at(placement->node).tag, placement->agent);
    ++placed;
  }
  more_to_place_ = placed == options_.turn_placements_max;
  finish_call();
}

void Controller::Impl::forget_ended(const std::vector<JobId>& jobs) {
  for (const JobId id : jobs) {
    const JobSlot slot = state_.find_job(id);
    if (slot != kNone && is_final(record(slot).state)) {
      state_.apply(JobForgotten{slot});
    }
  }
}

TimePoint Controller::Impl::next_deadline(Now now) const {
  if (more_to_place_ || !orphans_.empty()) {
    return steady_;
  }
  constexpr Duration kIdle = std::chrono::hours(1);
  TimePoint deadline = std::min(steady_ + kIdle, next_agent_check_);
  if (!state_.timers().empty()) {
    deadline = std::min(deadline, state_.timers().top().key.at);
  }
  if (!state_.wall_timers().empty()) {
    deadline = std::min(deadline, state_.wall_timers().top().key.at - now.skew());
  }
  if (state_.count(JobState::Queued) > 0) {
    deadline = std::min(deadline, next_sweep_);
  }
  return std::max(deadline, steady_);
}

std::vector<AgentView> Controller::Impl::agents() const {
  std::vector<AgentView> views;
  for (const auto& [id, slot] : state_.agent_slots()) {
    const AgentState& agent = state_.agent(slot);
    AgentView view{.record = agent.record,
                   .reserved = state_.scheduler().fleet().reserved(slot),
                   .usage = agent.usage,
                   .running = agent.attempts};
    view.record.status = agent.status();
    views.push_back(std::move(view));
  }
  return views;
}

void Controller::Impl::set_now(Now now) {
  wall_ = now.wall;
  steady_ = std::max(steady_, now.steady);
  state_.set_now({wall_, steady_});
}

void Controller::Impl::begin(Now now, Decision& decision) {
  set_now(now);
  decision_ = &decision;
  end_orphans();
}

void Controller::Impl::finish_call() {
  settle_dependents();
  flush_agents();
  decision_ = nullptr;
}

void Controller::Impl::on(const Tick& /*command*/) {
  fire_timers();
  if (steady_ >= next_agent_check_) {
    check_agents();
  }
  if (steady_ >= next_sweep_) {
    state_.scheduler().sweep(steady_);
    next_sweep_ = steady_ + options_.sweep_interval;
  }
}

void Controller::Impl::fire_timers() {
  while (!state_.timers().empty() && state_.timers().top().key.at <= steady_) {
    fire(state_.timers().top().item);
    settle_dependents();
  }
  while (!state_.wall_timers().empty() && state_.wall_timers().top().key.at <= wall_) {
    fire(state_.wall_timers().top().item);
    settle_dependents();
  }
}

void Controller::Impl::fire(JobSlot slot) {
  if (record(slot).state == JobState::Submitted) {
    queue(slot, JobEventKind::Queued);
    return;
  }
  end(slot, JobState::Failed, Reason::QueueTimeout,
      queue_timeout_message(*state_.policy_of(state_.job(slot)).max_queue), nullptr);
}

// Rows of a store that lost a part of itself must not stop the controller from starting: what they
// cannot go on with is ended by the rules.
void Controller::Impl::end_orphans() {
  for (const JobId id : std::exchange(orphans_, {})) {
    const JobSlot slot = state_.find_job(id);
    if (slot == kNone) {
      continue;
    }
    const JobRecord& job = record(slot);
    if (is_on_agent(job.state)) {
      lose(slot, Reason::AgentLost, agent_unknown_message(job.agent), true);
    } else if (job.state == JobState::Submitted) {
      end(slot, JobState::Failed, Reason::DependencyFailed, dependency_gone_message(), nullptr);
    }
  }
  settle_dependents();
}

// A back-off has cleared the times of its attempt; its end and its length tell when it began.
TimePoint Controller::Impl::latest_event(JobSlot slot) {
  const JobRecord& job = record(slot);
  const TimePoint latest = latest_transition(job);
  const bool backs_off = job.state == JobState::Submitted && job.attempt > 0 && job.eligible_at;
  if (!backs_off) {
    return latest;
  }
  const Duration length = backoff_after(state_.policy_of(state_.job(slot)).backoff, job.failures);
  return std::max(latest, *job.eligible_at - length);
}

JobRecord& Controller::Impl::open(JobSlot slot, JobEventKind kind) {
  const JobRecord& before = record(slot);
  last_seq_ = EventSeq(last_seq_.value() + 1);
  auto& events = decision_->changes.events;
  events.push_back(
      {.seq = last_seq_, .at = std::max(wall_, latest_event(slot)), .kind = kind, .after = before});
  return events.back().after;
}

void Controller::Impl::commit(JobSlot slot) {
  state_.apply(JobMoved{slot, decision_->changes.events.back().after});
}

// The row of the job's current attempt; `result` ends it.
void Controller::Impl::record_attempt(JobSlot slot, const AttemptResult* result) {
  const JobRecord& job = record(slot);
  auto& attempts = decision_->changes.attempts;
  attempts.push_back({.job = job.id,
                      .attempt = {.number = job.attempt,
                                  .agent = job.agent,
                                  .epoch = job.epoch,
                                  .state = job.state,
                                  .assigned_at = job.assigned_at.value_or(job.created_at),
                                  .started_at = job.started_at,
                                  .ended_at = std::nullopt,
                                  .result = {}}});
  if (result != nullptr) {
    Attempt& attempt = attempts.back().attempt;
    attempt.state = result->state;
    attempt.ended_at = std::max(wall_, latest_transition(job));
    attempt.result = *result;
  }
}

void Controller::Impl::touch(AgentSlot slot) {
  touched_agents_.push_back(slot);
}

void Controller::Impl::flush_agents() {
  std::sort(touched_agents_.begin(), touched_agents_.end());
  touched_agents_.erase(std::unique(touched_agents_.begin(), touched_agents_.end()),
                        touched_agents_.end());
  for (const AgentSlot slot : touched_agents_) {
    if (state_.agent(slot).present) {
      put_agent_row(slot, state_.agent(slot).status());
    }
  }
  touched_agents_.clear();
}

// An agent that died and came back within one turn may have got another slot; its row stays one.
void Controller::Impl::find_agent_row(AgentSlot slot) {
  const auto& rows = decision_->changes.agents;
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const AgentRecord& row) {
    return row.info.id == state_.agent(slot).record.info.id;
  });
  agent_rows_.resize(std::max<std::size_t>(agent_rows_.size(), slot + 1), 0);
  agent_rows_[slot] = static_cast<std::size_t>(at - rows.begin());
}

// One row an agent and turn is enough: the last state holds. A turn may span many calls, so each
// agent remembers where its row of this turn stands.
void Controller::Impl::put_agent_row(AgentSlot slot, AgentStatus status) {
  auto& rows = decision_->changes.agents;
  if (slot >= agent_rows_.size()) {
    agent_rows_.resize(slot + 1, 0);
  }
  const AgentRecord& agent = state_.agent(slot).record;
  std::size_t at = agent_rows_[slot];
  if (at >= rows.size() || rows[at].info.id != agent.info.id) {
    at = rows.size();
    rows.emplace_back();
  }
  agent_rows_[slot] = at;
  rows[at] = agent;
  rows[at].status = status;
}

}  // namespace hearth::core
