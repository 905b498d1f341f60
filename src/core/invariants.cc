// What must hold after every event. Each index is recomputed from the rows and compared.
#include <array>
#include <map>

#include "base/check.h"
#include "core/controller_impl.h"

namespace hearth::core {
namespace {

void check_times(const JobRecord& job) {
  TimePoint previous = job.created_at;
  for (const auto& at : {job.queued_at, job.assigned_at, job.started_at, job.completed_at}) {
    HEARTH_CHECK(!at || *at >= previous, "a job's timestamps never decrease");
    previous = at.value_or(previous);
  }
  HEARTH_CHECK(is_final(job.state) == job.completed_at.has_value(),
               "a job has completedAt exactly when it has ended");
  HEARTH_CHECK(!(job.cancel_requested_at && job.state != JobState::Cancelled &&
                 (is_final(job.state) || is_waiting(job.state))),
               "a job whose cancel was asked for runs or is CANCELLED");
}

}  // namespace

void Controller::Impl::check_invariants() const {
  state_.check_invariants();
  HEARTH_CHECK(settled_.empty() && touched_agents_.empty() && decision_ == nullptr,
               "a call leaves nothing half done");
}

void State::check_invariants() const {
  std::array<std::int64_t, kJobStateCount> counts{};
  std::int64_t payload = 0;
  std::size_t jobs = 0;
  std::size_t edges = 0;
  std::size_t keys = 0;
  for (JobSlot slot = 0; slot < jobs_.end(); ++slot) {
    const Job& job = jobs_.at(slot);
    if (!job.in_use) {
      continue;
    }
    ++jobs;
    ++counts[static_cast<std::size_t>(job.record.state)];
    payload += is_waiting(job.record.state) ? job.payload_bytes : 0;
    edges += job.open_dependencies;
    keys += job.idempotency_key != nullptr ? 1 : 0;
    check_job(slot);
  }
  HEARTH_CHECK(jobs == jobs_.size(), "the table counts its jobs");
  HEARTH_CHECK(counts == counts_, "the counts per state are sums over the jobs");
  HEARTH_CHECK(payload == waiting_payload_bytes_, "the payload bytes are a sum over waiting jobs");
  HEARTH_CHECK(edges == graph_.size(), "each open edge is counted by its job");
  HEARTH_CHECK(keys == keys_.size(), "each idempotency key belongs to one job");
  HEARTH_CHECK(scheduler_.queue().size() == static_cast<std::size_t>(count(JobState::Queued)),
               "the queue holds exactly the QUEUED jobs");
  graph_.check_invariants();
  scheduler_.check_invariants();
  check_agents();
}

void State::check_job(JobSlot slot) const {
  const Job& job = jobs_.at(slot);
  const JobRecord& record = job.record;
  check_times(record);
  HEARTH_CHECK(jobs_.find(record.id) == slot, "the index finds each job");
  HEARTH_CHECK((job.class_id == kNone) == is_final(record.state) &&
                   (job.policy == kNone) == is_final(record.state),
               "exactly the live jobs hold a class and a policy");
  HEARTH_CHECK((job.queue_node != kNone) == (record.state == JobState::Queued),
               "exactly the QUEUED jobs stand in a list");
  if (job.queue_node != kNone) {
    const sched::QueuedJob& queued = scheduler_.queue().at(job.queue_node);
    HEARTH_CHECK(queued.id == record.id && queued.tag == slot && queued.class_id == job.class_id,
                 "a list entry names its job");
  }
  HEARTH_CHECK(job.agent == kNone || is_on_agent(record.state),
               "only an ASSIGNED or RUNNING job reserves capacity");
  HEARTH_CHECK(job.agent == kNone || agents_[job.agent].record.info.id == record.agent,
               "a reservation is on the agent of the record");
  HEARTH_CHECK(job.open_dependencies == graph_.dependencies_of(record.id).size(),
               "a job counts its open dependencies");
  HEARTH_CHECK(job.open_dependencies == 0 || record.state == JobState::Submitted,
               "only a SUBMITTED job waits for others");
  const bool timed = (record.state == JobState::Submitted && job.open_dependencies == 0) ||
                     (record.state == JobState::Queued && policy_of(job).max_queue.has_value());
  HEARTH_CHECK((timers_.contains(slot) || wall_timers_.contains(slot)) == timed,
               "a job has a timer exactly when it waits for time");
  HEARTH_CHECK(!timers_.contains(slot) || !wall_timers_.contains(slot),
               "a job has one timer at most");
  if (job.idempotency_key != nullptr) {
    const auto at = keys_.find(*job.idempotency_key);
    HEARTH_CHECK(at != keys_.end() && at->second == record.id, "a key finds its job");
  }
  if (!is_final(record.state)) {
    for (const Dependency& on : graph_.dependencies_of(record.id)) {
      const JobSlot other = jobs_.find(on.job);
      HEARTH_CHECK(other != kNone && !is_final(jobs_.at(other).record.state),
                   "an open edge leads to a job that has not ended");
    }
  }
}

void State::check_agents() const {
  std::map<AgentSlot, ResourceVector> reserved;
  std::map<AgentSlot, std::int64_t> attempts;
  std::map<std::string, std::int64_t> active;
  for (JobSlot slot = 0; slot < jobs_.end(); ++slot) {
    const Job& job = jobs_.at(slot);
    if (job.in_use && job.agent != kNone) {
      const sched::ClassKey& key = scheduler_.key_of(job.class_id);
      reserved[job.agent].add(key.request);
      ++attempts[job.agent];
      ++active[key.group];
    }
  }
  for (const auto& [id, slot] : agent_slots_) {
    const AgentState& agent = agents_[slot];
    const sched::FleetAgent& offer = scheduler_.fleet().at(slot);
    HEARTH_CHECK(agent.present && agent.record.info.id == id, "the index finds each agent");
    HEARTH_CHECK(scheduler_.fleet().reserved(slot) == reserved[slot],
                 "what is reserved on an agent is the sum over its attempts");
    HEARTH_CHECK(reserved[slot].fits_in(agent.record.info.capacity),
                 "no agent is ever oversubscribed");
    HEARTH_CHECK(agent.attempts == attempts[slot] && offer.running == attempts[slot] &&
                     attempts_on(slot).size() == static_cast<std::size_t>(attempts[slot]),
                 "an agent's attempts are the jobs that name it");
    HEARTH_CHECK(offer.accepting == agent.accepts(), "the scheduler knows who takes work");
  }
  HEARTH_CHECK(scheduler_.fleet().size() == agent_slots_.size(), "every agent is in the fleet");
  for (const auto& [name, running] : active) {
    const sched::GroupState* group = name.empty() ? nullptr : scheduler_.group(name);
    HEARTH_CHECK(name.empty() || (group != nullptr && group->active == running),
                 "a group counts its running jobs");
  }
}

}  // namespace hearth::core
