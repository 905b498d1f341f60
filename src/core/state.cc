#include "core/state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/mutate.h"

namespace hearth::core {

AgentStatus AgentState::status() const {
  if (link == 0) {
    return AgentStatus::Disconnected;
  }
  if (record.draining || draining_by_itself) {
    return AgentStatus::Draining;
  }
  return attempts > 0 ? AgentStatus::Busy : AgentStatus::Idle;
}

State::State(Duration starvation_after, std::size_t dead_agents_max)
    : dead_agents_max_(dead_agents_max), scheduler_(starvation_after) {}

void State::apply(const Event& event) {
  std::visit([this](const auto& e) { on(e); }, event);
}

AgentSlot State::find_agent(const AgentId& id) const {
  const auto at = agent_slots_.find(id);
  return at == agent_slots_.end() ? kNone : at->second;
}

std::vector<JobSlot> State::attempts_on(AgentSlot slot) const {
  std::vector<JobSlot> result;
  for (JobSlot at = agents_[slot].first_attempt; at != kNone; at = jobs_.at(at).next_on_agent) {
    result.push_back(at);
  }
  std::sort(result.begin(), result.end(),
            [this](JobSlot a, JobSlot b) { return jobs_.at(a).record.id < jobs_.at(b).record.id; });
  return result;
}

void State::on(const JobAdmitted& event) {
  const JobSlot slot = jobs_.insert(event.record.id);
  Job& job = jobs_.at(slot);
  job.record = event.record;
  job.payload_bytes = event.payload_bytes;
  const RetryPolicy policy = retry_policy_of(event.spec);
  job.policy = policies_.acquire(policy);
  job.class_id = scheduler_.acquire(sched::class_key_of(event.spec), policy.group_limit);
  if (!event.idempotency_key.empty()) {
    const auto at = keys_.insert_or_assign(event.idempotency_key, job.record.id).first;
    job.idempotency_key = &at->first;
  }
  for (const Dependency& dependency : event.open) {
    graph_.add(job.record.id, dependency);
  }
  if (!event.open.empty()) {
    job.open_dependencies =
        static_cast<std::uint32_t>(graph_.dependencies_of(job.record.id).size());
  }
  enter(slot);
}

void State::on(const JobMoved& event) {
  Job& job = jobs_.at(event.job);
  const bool stays = job.record.state == event.after.state ||
                     (is_on_agent(job.record.state) && is_on_agent(event.after.state));
  if (stays) {
    --counts_[static_cast<std::size_t>(job.record.state)];
    ++counts_[static_cast<std::size_t>(event.after.state)];
    job.record = event.after;
    return;
  }
  leave(event.job);
  job.record = event.after;
  enter(event.job);
}

void State::on(const JobForgotten& event) {
  const Job& job = jobs_.at(event.job);
  --counts_[static_cast<std::size_t>(job.record.state)];
  if (job.idempotency_key != nullptr) {
    keys_.erase(keys_.find(*job.idempotency_key));
  }
  jobs_.erase(event.job);
}

void State::leave(JobSlot slot) {
  Job& job = jobs_.at(slot);
  const JobState state = job.record.state;
  --counts_[static_cast<std::size_t>(state)];
  if (is_waiting(state)) {
    waiting_payload_bytes_ -= job.payload_bytes;
    timers_.erase(slot);
    wall_timers_.erase(slot);
  }
  if (state == JobState::Queued) {
    scheduler_.dequeue(job.queue_node);
    job.queue_node = kNone;
  } else if (is_on_agent(state)) {
    leave_agent(slot);
  }
}

void State::enter(JobSlot slot) {
  Job& job = jobs_.at(slot);
  const JobState state = job.record.state;
  ++counts_[static_cast<std::size_t>(state)];
  if (is_waiting(state)) {
    waiting_payload_bytes_ += job.payload_bytes;
  }
  if (state == JobState::Submitted) {
    set_submitted_timer(slot);
  } else if (state == JobState::Queued) {
    const TimePoint queued_at = steady_of(job.record.queued_at.value_or(job.record.created_at));
    job.queue_node = scheduler_.enqueue(job.class_id, job.record.id, queued_at, slot);
    if (const auto& max_queue = policies_.at(job.policy).max_queue) {
      timers_.set(slot, {queued_at + *max_queue, job.record.id});
    }
  } else if (is_on_agent(state)) {
    enter_agent(slot);
  } else {
    end(slot);
  }
}

// A submitted job whose dependencies are met always has a timer, be it due at once: nothing that
// may run can be forgotten.
void State::set_submitted_timer(JobSlot slot) {
  const Job& job = jobs_.at(slot);
  if (job.open_dependencies > 0) {
    return;
  }
  if (!job.record.eligible_at) {
    timers_.set(slot, {steady_of(job.record.created_at), job.record.id});
  } else if (job.record.attempt > 0) {
    // A back-off. Restored, its end may be far off: the wall clock was set back since it was made.
    const Duration whole = backoff_after(policies_.at(job.policy).backoff, job.record.failures);
    timers_.set(slot, {std::min(*job.record.eligible_at - now_.skew(), now_.steady + whole),
                       job.record.id});
  } else {
    wall_timers_.set(slot, {*job.record.eligible_at, job.record.id});
  }
}

// A record's time may be later than now: the wall clock was moved back since.
TimePoint State::steady_of(TimePoint past) const {
  return std::min(past - now_.skew(), now_.steady);
}

void State::enter_agent(JobSlot slot) {
  Job& job = jobs_.at(slot);
  job.agent = find_agent(job.record.agent);
  if (job.agent == kNone) {
    return;  // restored without its agent; the decider ends the attempt first of all
  }
  scheduler_.reserve(job.class_id, job.agent,
                     steady_of(job.record.assigned_at.value_or(TimePoint{})));
  AgentState& agent = agents_[job.agent];
  job.previous_on_agent = kNone;
  job.next_on_agent = agent.first_attempt;
  if (agent.first_attempt != kNone) {
    jobs_.at(agent.first_attempt).previous_on_agent = slot;
  }
  agent.first_attempt = slot;
  ++agent.attempts;
}

void State::leave_agent(JobSlot slot) {
  Job& job = jobs_.at(slot);
  if (job.agent == kNone) {
    return;
  }
  if (!HEARTH_MUTATE(release_dropped)) {
    scheduler_.release(job.class_id, job.agent);
  }
  AgentState& agent = agents_[job.agent];
  if (job.previous_on_agent == kNone) {
    agent.first_attempt = job.next_on_agent;
  } else {
    jobs_.at(job.previous_on_agent).next_on_agent = job.next_on_agent;
  }
  if (job.next_on_agent != kNone) {
    jobs_.at(job.next_on_agent).previous_on_agent = job.previous_on_agent;
  }
  --agent.attempts;
  job.agent = kNone;
  job.previous_on_agent = kNone;
  job.next_on_agent = kNone;
}

void State::end(JobSlot slot) {
  Job& job = jobs_.at(slot);
  for (const Dependent& dependent : graph_.dependents_of(job.record.id)) {
    const JobSlot waiting = jobs_.find(dependent.job);
    HEARTH_CHECK(waiting != kNone, "an open edge starts at a live job");
    Job& other = jobs_.at(waiting);
    --other.open_dependencies;
    if (other.record.state == JobState::Submitted) {
      set_submitted_timer(waiting);
    }
  }
  graph_.remove_dependents_of(job.record.id);
  graph_.remove_dependencies_of(job.record.id);
  job.open_dependencies = 0;
  scheduler_.release_class(job.class_id, policies_.at(job.policy).group_limit);
  policies_.release(job.policy);
  job.class_id = kNone;
  job.policy = kNone;
}

void State::on(const AgentJoined& event) {
  dead_.erase(event.record.info.id);
  AgentSlot slot = find_agent(event.record.info.id);
  if (slot == kNone) {
    slot = scheduler_.add_agent(event.record.info, false);
    if (slot >= agents_.size()) {
      agents_.resize(slot + 1);
    }
    agents_[slot] = AgentState{};
    agents_[slot].present = true;
    agent_slots_.emplace(event.record.info.id, slot);
  } else {
    scheduler_.update_agent(slot, event.record.info);
  }
  AgentState& agent = agents_[slot];
  if (agent.record.info.incarnation != event.record.info.incarnation) {
    agent.draining_by_itself = false;
  }
  agent.record = event.record;
  agent.usage.heartbeat_interval.reset();  // each link begins with the one that is configured
  agent.record.last_heartbeat_at = event.at;
  agent.heard_at = steady_of(event.at);
  agent.link = event.link;
  agent.latest_link = std::max(agent.latest_link, event.link);
  scheduler_.set_accepting(slot, agent.accepts());
}

void State::on(const AgentHeard& event) {
  AgentState& agent = agents_[event.agent];
  agent.record.last_heartbeat_at = event.at;
  agent.heard_at = steady_of(event.at);
  if (event.usage != nullptr) {
    agent.usage = *event.usage;
  }
}

void State::on(const AgentUnlinked& event) {
  agents_[event.agent].link = 0;
  scheduler_.set_accepting(event.agent, false);
}

void State::on(const AgentDrainSet& event) {
  AgentState& agent = agents_[event.agent];
  agent.record.draining = event.by_operator;
  agent.draining_by_itself = event.by_itself;
  scheduler_.set_accepting(event.agent, agent.accepts());
}

void State::on(const AttemptCounted& event) {
  AgentRecord& record = agents_[event.agent].record;
  record.done += event.done;
  record.failed += event.failed;
  record.busy_ms += event.busy_ms;
}

void State::on(const AgentGone& event) {
  AgentState& agent = agents_[event.agent];
  HEARTH_CHECK(agent.attempts == 0, "an agent is buried only after its attempts");
  agent.record.status = AgentStatus::Dead;
  bury(agent.record);
  scheduler_.remove_agent(event.agent);
  agent_slots_.erase(agent.record.info.id);
  agent = AgentState{};
}

// History, so bounded: who was heard last is kept.
void State::bury(const AgentRecord& record) {
  dead_.insert_or_assign(record.info.id, record);
  while (dead_.size() > dead_agents_max_) {
    const auto oldest =
        std::min_element(dead_.begin(), dead_.end(), [](const auto& a, const auto& b) {
          return a.second.last_heartbeat_at < b.second.last_heartbeat_at;
        });
    dead_.erase(oldest);
  }
}

}  // namespace hearth::core
