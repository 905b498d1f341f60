// A store that folds ChangeSets into rows exactly as a database would, and hands out what recovery
// needs. What is in it is durable: it survives every crash of the simulated controller.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/controller.h"
#include "model/change_set.h"
#include "model/job.h"
#include "model/retention.h"
#include "plan.h"

namespace hearth::sim {

class World;

struct StoredJob {
  NewJob made;
  JobRecord record;
  std::map<std::uint32_t, Attempt> attempts;
  TimePoint last_event_at{};
  std::size_t plan = 0;
  SchedulingSpec spec;   // the plan's, with the dependencies its batch gave it
  bool removed = false;  // gone from the store; the judge remembers
};

// What each simulated payload counts for.
inline constexpr std::int64_t kPayloadBytes = 100;

class SimStore {
 public:
  explicit SimStore(World& world) : world_(world) {}

  std::uint64_t raise_epoch() { return ++epoch_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  void append(const ChangeSet& changes);
  [[nodiscard]] Past past(std::int64_t jobs_max) const;
  void remove(const Removal& removal, TimePoint now);

  // Also those that were removed, as no controller can see them.
  [[nodiscard]] const StoredJob* find(JobId id) const;
  [[nodiscard]] const StoredJob* find_stored(JobId id) const;
  [[nodiscard]] std::optional<JobId> find_key(const std::string& key) const;
  [[nodiscard]] const std::map<JobId, StoredJob>& jobs() const { return jobs_; }
  [[nodiscard]] EventSeq last_seq() const { return last_seq_; }
  [[nodiscard]] core::Snapshot snapshot() const;
  [[nodiscard]] std::int64_t live_jobs() const { return live_; }

 private:
  void append_new_job(const NewJob& made);
  void append_event(const JobEvent& event);
  void append_attempt(const AttemptChange& change);

  World& world_;
  std::uint64_t epoch_ = 0;
  EventSeq last_seq_;
  JobId last_job_id_;
  std::int64_t live_ = 0;
  std::map<JobId, StoredJob> jobs_;
  std::map<std::string, JobId> keys_;
  std::map<EventSeq, FinishedJob> finished_;
  std::map<AgentId, AgentRecord> agents_;
};

}  // namespace hearth::sim
