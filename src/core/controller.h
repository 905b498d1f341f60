// The controller's core: live jobs, agents and reservations, and every decision about them.
//
// Pure: no socket, file, thread, clock or randomness; time comes in as a parameter. The loop in
// api/ owns one, feeds it commands on one thread, persists the ChangeSet and only then releases the
// effects. The simulator and the unit tests do the same with fakes.
//
// Each decision is a sequence of events. An event is applied as soon as it is decided (apply is the
// sole mutator), so that a turn of a thousand placements sees its own reservations without a
// scratch copy; what it changed is recorded in Decision::changes for the store.
//
// Lifetime of a job here: from submission until its final state is durable and the loop calls
// forget_ended(). Payloads are never kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/command.h"
#include "core/effect.h"
#include "core/heartbeat_pace.h"
#include "core/now.h"
#include "model/agent.h"
#include "model/change_set.h"
#include "model/job.h"

namespace hearth::core {

struct Options {
  HeartbeatPace heartbeats;
  Duration heartbeat_timeout = limits::kHeartbeatTimeout;
  Duration sweep_interval = limits::kSweepInterval;
  Duration starvation_after = limits::kStarvationAfter;
  std::int64_t queue_jobs_max = limits::kQueueJobsMax;
  std::int64_t queue_payload_bytes_max = limits::kQueuePayloadBytesMax;
  std::int64_t agents_max = limits::kAgentsMax;
  std::int64_t dead_agents_max = limits::kDeadAgentsMax;
  // One schedule() places at most so many; what is left makes next_deadline() due at once.
  std::int64_t turn_placements_max = limits::kTurnPlacementsMax;
};

struct Decision {
  ChangeSet changes;
  std::vector<Effect> effects;
};

// One live job as the store gives it back at start.
struct RestoredJob {
  JobRecord record;
  SchedulingSpec spec;
  std::string idempotency_key;
  std::int64_t payload_bytes = 0;
};

// Everything recovery needs. `controller_epoch` is the one just raised durably for this start.
struct Snapshot {
  std::uint64_t controller_epoch = 1;
  EventSeq last_seq;
  JobId last_job_id;
  std::vector<RestoredJob> jobs;                 // not final, any order
  std::map<JobId, JobState> ended_dependencies;  // final states of jobs named in `after` of `jobs`
  std::vector<AgentRecord> agents;
};

class Controller {
 public:
  explicit Controller(Options options);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Call once, before the first decide. Agents of the snapshot count as disconnected since `now`;
  // their attempts stay as they were until the agents say hello or are lost.
  void restore(const Snapshot& snapshot, Now now);

  // Appends to `decision`.
  void decide(const Command& command, Now now, Decision& decision);

  // Places what can be placed. The loop calls it once per turn, after the turn's commands.
  void schedule(Now now, Decision& decision);

  // Drops ended jobs from memory; the loop calls it when their final state is durable.
  void forget_ended(const std::vector<JobId>& jobs);

  // When a Tick is due at the latest, on the steady clock, if the wall clock goes on as in `now`.
  [[nodiscard]] TimePoint next_deadline(Now now) const;

  [[nodiscard]] const JobRecord* find(JobId job) const;
  // The agents that are not DEAD, by id.
  [[nodiscard]] std::vector<AgentView> agents(TimePoint now) const;
  // Agents that were lost or left: the dead_agents_max that were heard last.
  [[nodiscard]] std::vector<AgentRecord> dead_agents() const;
  // Which live job has this key; jobs that are no longer in memory must be looked up in the store.
  [[nodiscard]] std::optional<JobId> find_idempotency_key(const std::string& key) const;
  [[nodiscard]] std::int64_t live_jobs() const;  // not ended
  [[nodiscard]] std::int64_t count(JobState state) const;
  // Of jobs that are SUBMITTED or QUEUED.
  [[nodiscard]] std::int64_t waiting_payload_bytes() const;
  [[nodiscard]] std::uint64_t stale_reports() const;  // refused for their epoch, since start

  // Aborts if reserved > capacity, a sum differs from its parts, or an index is out of step.
  void check_invariants() const;
  // Equal digests mean equal live state; restore(rows) must equal the state that wrote them.
  [[nodiscard]] std::string digest() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::core
