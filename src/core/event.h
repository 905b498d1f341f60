// What has been decided: the only way by which State changes.
//
// Events are applied where they are made and do not outlive the call, so they refer to what the
// decider holds instead of copying it. What of them is durable stands in the ChangeSet: the record
// after each job event, and the agents' rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/job_table.h"
#include "model/agent.h"
#include "model/job.h"
#include "model/job_spec.h"

namespace hearth::core {

// A job came to be, by submission or from the store. `open` are the dependencies that still run.
struct JobAdmitted {
  const JobRecord& record;
  const SchedulingSpec& spec;
  const std::string& idempotency_key;
  std::int64_t payload_bytes = 0;
  const std::vector<Dependency>& open;
};

// The job's record changed. Queues, reservations, timers, counts and edges follow from the record.
struct JobMoved {
  JobSlot job = kNone;
  const JobRecord& after;
};

struct JobForgotten {
  JobSlot job = kNone;
};

// An agent said hello or came from the store (link 0: not connected).
struct AgentJoined {
  const AgentRecord& record;
  std::uint64_t link = 0;
  TimePoint at{};
};

struct AgentHeard {
  sched::AgentSlot agent = kNone;
  TimePoint at{};
  const AgentUsage* usage = nullptr;
};

struct AgentUnlinked {
  sched::AgentSlot agent = kNone;
};

// `by_operator` outlives restarts of the agent, `by_itself` does not.
struct AgentDrainSet {
  sched::AgentSlot agent = kNone;
  bool by_operator = false;
  bool by_itself = false;
};

// `done` and `failed` leave out cancelled and lost attempts, which say nothing of the agent.
struct AttemptCounted {
  sched::AgentSlot agent = kNone;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t busy_ms = 0;
};

// Lost or left; nothing is reserved on it any more.
struct AgentGone {
  sched::AgentSlot agent = kNone;
};

using Event = std::variant<JobAdmitted, JobMoved, JobForgotten, AgentJoined, AgentHeard,
                           AgentUnlinked, AgentDrainSet, AttemptCounted, AgentGone>;

}  // namespace hearth::core
