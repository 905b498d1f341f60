// The live jobs and agents with every index over them.
//
// apply() is the sole mutator. All indexes are functions of the rows (JobRecord, SchedulingSpec,
// AgentRecord): a record change is "leave the old state, enter the new one", and recovery enters
// the stored records the same way. So restoring cannot differ from having lived through it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/dependency_graph.h"
#include "core/event.h"
#include "core/job_table.h"
#include "core/now.h"
#include "core/retry_policy.h"
#include "sched/indexed_heap.h"
#include "sched/scheduler.h"

namespace hearth::core {

using sched::AgentSlot;

struct AgentState {
  AgentRecord record;             // last_heartbeat_at: when it was last heard, and again
  TimePoint heard_at{};           // on the steady clock
  std::uint64_t link = 0;         // 0: no open connection
  std::uint64_t latest_link = 0;  // older links are ignored
  bool draining_by_itself = false;
  bool present = false;
  AgentUsage usage;
  JobSlot first_attempt = kNone;
  std::int64_t attempts = 0;

  [[nodiscard]] bool accepts() const {
    return link != 0 && !record.draining && !draining_by_itself;
  }
  [[nodiscard]] AgentStatus status() const;
};

// A job has at most one timer: the end of its back-off or of its time in the queue on the steady
// clock, or its notBefore on the wall clock.
struct TimerKey {
  TimePoint at{};
  JobId job;
  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

class State {
 public:
  State(Duration starvation_after, std::size_t dead_agents_max);

  // Of the events that follow.
  void set_now(Now now) { now_ = now; }
  void apply(const Event& event);

  [[nodiscard]] const Job& job(JobSlot slot) const { return jobs_.at(slot); }
  [[nodiscard]] JobSlot find_job(JobId id) const { return jobs_.find(id); }
  [[nodiscard]] const RetryPolicy& policy_of(const Job& job) const {
    return policies_.at(job.policy);
  }
  [[nodiscard]] const JobTable& jobs() const { return jobs_; }
  [[nodiscard]] const DependencyGraph& graph() const { return graph_; }
  [[nodiscard]] const sched::IndexedHeap<TimerKey>& timers() const { return timers_; }
  [[nodiscard]] const sched::IndexedHeap<TimerKey>& wall_timers() const { return wall_timers_; }
  [[nodiscard]] const std::unordered_map<std::string, JobId>& keys() const { return keys_; }
  [[nodiscard]] std::int64_t count(JobState state) const {
    return counts_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::int64_t waiting_jobs() const {
    return count(JobState::Submitted) + count(JobState::Queued);
  }
  [[nodiscard]] std::int64_t waiting_payload_bytes() const { return waiting_payload_bytes_; }

  [[nodiscard]] AgentSlot find_agent(const AgentId& id) const;  // kNone: not live
  [[nodiscard]] const AgentState& agent(AgentSlot slot) const { return agents_[slot]; }
  [[nodiscard]] const std::map<AgentId, AgentSlot>& agent_slots() const { return agent_slots_; }
  [[nodiscard]] const std::map<AgentId, AgentRecord>& dead_agents() const { return dead_; }
  [[nodiscard]] std::vector<JobSlot> attempts_on(AgentSlot slot) const;

  // The scheduler's memory of what it tried is no part of the state that rows must give back.
  [[nodiscard]] sched::Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] const sched::Scheduler& scheduler() const { return scheduler_; }

  void check_invariants() const;

 private:
  void on(const JobAdmitted& event);
  void on(const JobMoved& event);
  void on(const JobForgotten& event);
  void on(const AgentJoined& event);
  void on(const AgentHeard& event);
  void on(const AgentUnlinked& event);
  void on(const AgentDrainSet& event);
  void on(const AttemptCounted& event);
  void on(const AgentGone& event);

  void enter(JobSlot slot);
  void leave(JobSlot slot);
  void enter_agent(JobSlot slot);
  void leave_agent(JobSlot slot);
  void end(JobSlot slot);
  void set_submitted_timer(JobSlot slot);
  [[nodiscard]] TimePoint steady_of(TimePoint past) const;
  void bury(const AgentRecord& record);
  void check_job(JobSlot slot) const;
  void check_agents() const;

  std::size_t dead_agents_max_;
  JobTable jobs_;
  PolicyTable policies_;
  DependencyGraph graph_;
  Now now_{TimePoint{}};
  sched::IndexedHeap<TimerKey> timers_;
  sched::IndexedHeap<TimerKey> wall_timers_;
  std::unordered_map<std::string, JobId> keys_;
  std::array<std::int64_t, kJobStateCount> counts_{};
  std::int64_t waiting_payload_bytes_ = 0;
  sched::Scheduler scheduler_;
  std::vector<AgentState> agents_;  // by scheduler slot
  std::map<AgentId, AgentSlot> agent_slots_;
  std::map<AgentId, AgentRecord> dead_;
};

constexpr bool is_waiting(JobState state) {
  return state == JobState::Submitted || state == JobState::Queued;
}
constexpr bool is_on_agent(JobState state) {
  return state == JobState::Assigned || state == JobState::Running;
}

}  // namespace hearth::core
