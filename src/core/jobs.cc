// The transitions of a job, one function each.
#include <algorithm>

#include "base/check.h"
#include "base/mutate.h"
#include "core/controller_impl.h"
#include "core/messages.h"

namespace hearth::core {
namespace {

// A new turn through the queue: what described the last attempt's progress is history (the
// attempt's own row keeps it).
void clear_attempt_fields(JobRecord& record) {
  record.assigned_at.reset();
  record.started_at.reset();
  record.exit_code.reset();
  record.signal.reset();
  record.eligible_at.reset();
  record.reason = Reason::None;
  record.progress_percent = -1;
  record.progress_text.clear();
}

}  // namespace

void Controller::Impl::queue(JobSlot slot, JobEventKind kind) {
  JobRecord& after = open(slot, kind);
  after.state = JobState::Queued;
  after.queued_at = opened_at();
  after.eligible_at.reset();
  commit(slot);
}

void Controller::Impl::assign(JobSlot slot, AgentSlot agent) {
  const AgentState& target = state_.agent(agent);
  JobRecord& after = open(slot, JobEventKind::Assigned);
  after.state = JobState::Assigned;
  after.assigned_at = opened_at();
  after.agent = target.record.info.id;
  after.attempt += 1;
  after.epoch += HEARTH_MUTATE(epoch_not_raised) ? 0 : 1;
  after.message.clear();
  commit(slot);
  record_attempt(slot, nullptr);
  effect(AssignAttempt{target.record.info.id, target.link, key_of(record(slot))});
}

void Controller::Impl::start(JobSlot slot) {
  JobRecord& after = open(slot, JobEventKind::Started);
  after.state = JobState::Running;
  after.started_at = opened_at();
  commit(slot);
  record_attempt(slot, nullptr);
}

// The attempt ended by its own report.
void Controller::Impl::finish(JobSlot slot, const AttemptResult& result) {
  const AgentSlot agent = state_.job(slot).agent;
  const bool cancelled =
      record(slot).cancel_requested_at.has_value() || result.state == JobState::Cancelled;
  const bool lost = result.state == JobState::Failed && is_loss(result.reason);
  if (agent != kNone) {
    const bool tells = result.state != JobState::Cancelled && !lost;
    const bool completed = result.state == JobState::Completed;
    state_.apply(AttemptCounted{.agent = agent,
                                .done = tells && completed ? 1 : 0,
                                .failed = tells && !completed ? 1 : 0,
                                .busy_ms = std::max<std::int64_t>(result.wall_ms, 0)});
    touch(agent);
  }
  if (lost && !cancelled) {
    end_attempt(slot, result);
    lose(slot, result.reason, attempt_message(result), false);
    return;
  }
  end_attempt(slot, result);
  if (cancelled) {
    end(slot, JobState::Cancelled, Reason::CancelRequested, cancelled_message("while it ran"),
        &result);
    return;
  }
  if (result.state == JobState::Completed) {
    end(slot, JobState::Completed, Reason::None, result.message, &result);
    return;
  }
  if (const Retry retry = retry_of(state_.job(slot), result); retry.again) {
    retry_later(slot, result, retry.wait);
    return;
  }
  const std::int64_t max_retries = state_.policy_of(state_.job(slot)).max_retries;
  end(slot, result.state, result.reason,
      retries_spent_message(result, record(slot).attempt, max_retries), &result);
}

// Ends the current attempt as the fleet's fault. With `raise_epoch` its end is our verdict, not the
// agent's report: reports that carry the old epoch are refused from then on.
void Controller::Impl::lose(JobSlot slot, Reason reason, const std::string& message,
                            bool raise_epoch) {
  if (raise_epoch) {
    AttemptResult verdict;
    verdict.state = JobState::Failed;
    verdict.reason = reason;
    verdict.message = message + ".";
    end_attempt(slot, verdict);
  }
  if (record(slot).cancel_requested_at && !HEARTH_MUTATE(cancelled_requeued)) {
    end(slot, JobState::Cancelled, Reason::CancelRequested,
        cancelled_message("and its attempt was lost: " + message), nullptr, raise_epoch);
    return;
  }
  const std::int64_t max_lost = state_.policy_of(state_.job(slot)).max_lost;
  const std::uint32_t losses = record(slot).losses + 1;
  if (losses > max_lost) {
    end(slot, JobState::Failed, reason, losses_spent_message(message, losses, max_lost), nullptr,
        raise_epoch);
    return;
  }
  JobRecord& after = open(slot, JobEventKind::Requeued);
  clear_attempt_fields(after);
  after.state = JobState::Queued;
  after.queued_at = opened_at();
  after.losses = losses;
  after.epoch += raise_epoch ? 1 : 0;
  after.message = message + ". The job waits for another agent.";
  commit(slot);
}

// An attempt that was given up came back before another was assigned: it goes on as if it had never
// been lost. Its epoch becomes the job's again; the raised one was never handed to anybody, and the
// next assignment will be above both.
void Controller::Impl::adopt(JobSlot slot, const HeldAttempt& held) {
  JobRecord& after = open(slot, held.started ? JobEventKind::Started : JobEventKind::Assigned);
  after.state = held.started ? JobState::Running : JobState::Assigned;
  after.assigned_at = opened_at();
  after.started_at = held.started ? std::optional(opened_at()) : std::nullopt;
  after.epoch = held.key.epoch;
  after.losses -= 1;
  after.message.clear();
  commit(slot);
  record_attempt(slot, nullptr);
}

void Controller::Impl::retry_later(JobSlot slot, const AttemptResult& result, Duration wait) {
  JobRecord& after = open(slot, JobEventKind::Requeued);
  const TimePoint at = opened_at();
  after.message = retrying_message(result, after, wait);
  clear_attempt_fields(after);
  after.failures += HEARTH_MUTATE(failure_not_counted) ? 0 : 1;
  if (wait > Duration::zero() && !HEARTH_MUTATE(backoff_ignored)) {
    after.state = JobState::Submitted;
    after.eligible_at = at + wait;
  } else {
    after.state = JobState::Queued;
    after.queued_at = at;
  }
  commit(slot);
}

void Controller::Impl::end_attempt(JobSlot slot, const AttemptResult& result) {
  record_attempt(slot, &result);
}

void Controller::Impl::end(JobSlot slot, JobState state, Reason reason, std::string message,
                           const AttemptResult* result, bool raise_epoch) {
  HEARTH_CHECK(is_final(state), "a job ends in a final state");
  JobRecord& after = open(slot, JobEventKind::Ended);
  const TimePoint at = opened_at();
  if (result != nullptr) {
    after.exit_code = result->exit_code;
    after.signal = result->signal;
    // The report that it started was overtaken by its end.
    if (!after.started_at && (result->exit_code || result->signal)) {
      after.started_at =
          std::max(at - Duration(std::max<std::int64_t>(result->wall_ms, 0)), *after.assigned_at);
    }
    const bool counts = state == JobState::Failed || state == JobState::TimedOut;
    after.failures += counts ? 1 : 0;
  }
  after.losses += is_loss(reason) ? 1 : 0;
  after.epoch += raise_epoch ? 1 : 0;
  after.state = state;
  after.reason = reason;
  after.message = std::move(message);
  after.completed_at = at;
  after.eligible_at.reset();
  const JobId id = after.id;
  for (const Dependent& dependent : state_.graph().dependents_of(id)) {
    settled_.push_back({dependent.job, dependent.condition, id, state});
  }
  commit(slot);
}

Controller::Impl::Retry Controller::Impl::retry_of(const Job& job,
                                                   const AttemptResult& result) const {
  const RetryPolicy& policy = state_.policy_of(job);
  const std::uint32_t failures = job.record.failures + 1;
  if (failures > policy.max_retries || !is_retried_on(policy.retry_on, result)) {
    return {};
  }
  return {.again = true, .wait = backoff_after(policy.backoff, failures)};
}

// Iterative, since chains of dependencies can be as long as the queue. All unmet edges are followed
// before any job is queued: several dependencies of one job can end in one step, and the one that
// is met may come first.
void Controller::Impl::settle_dependents() {
  for (std::size_t i = 0; i < settled_.size(); ++i) {
    const Settled edge = settled_[i];
    fail_if_unmet(edge);
  }
  for (const Settled& edge : settled_) {
    queue_if_free(edge.dependent);
  }
  settled_.clear();
}

void Controller::Impl::fail_if_unmet(const Settled& edge) {
  const JobSlot slot = state_.find_job(edge.dependent);
  const bool waits = slot != kNone && record(slot).state == JobState::Submitted;
  if (waits && !is_met(edge.condition, edge.state) && !HEARTH_MUTATE(unmet_edge_ignored)) {
    end(slot, JobState::Failed, Reason::DependencyFailed,
        dependency_failed_message(edge.ended, edge.condition, edge.state), nullptr);
  }
}

void Controller::Impl::queue_if_free(JobId id) {
  const JobSlot slot = state_.find_job(id);
  if (slot == kNone || record(slot).state != JobState::Submitted) {
    return;  // failed through an edge, cancelled, or queued already
  }
  const Job& job = state_.job(slot);
  if (job.open_dependencies == 0 && job.record.eligible_at.value_or(wall_) <= wall_) {
    queue(slot, JobEventKind::Queued);
  }
}

}  // namespace hearth::core
