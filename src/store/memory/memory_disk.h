// What a MemoryDisk holds. Internal to memory/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "store/memory/memory_store.h"
#include "store/merged_changes.h"

namespace hearth::store {

// The tables.
struct MemoryRows {
  struct Job {
    JobRecord record;
    std::string queue;
    std::string idempotency_key;
    std::shared_ptr<const JobPayload> payload;
    std::string secrets;
    std::map<std::uint32_t, Attempt> attempts;
    std::vector<EventSeq> events;
  };
  using OutputKey = std::tuple<JobId, std::uint32_t, StreamKind>;

  std::uint64_t controller_epoch = 0;
  EventSeq last_seq;
  JobId last_job_id;
  std::map<JobId, Job> jobs;
  std::map<EventSeq, JobEvent> events;
  std::map<AgentId, AgentRecord> agents;
  std::map<OutputKey, std::string> outputs;
  std::unordered_map<std::string, JobId> keys;
  std::map<EventSeq, FinishedJob> finished;
  std::set<JobId> owed_callbacks;
  EventSeq events_removed;
  std::map<auth::TokenId, auth::TokenRecord> tokens;

  // What a database's constraints would refuse.
  [[nodiscard]] Result<> check(const MergedChanges& changes) const;
  void apply(const MergedChanges& changes);
  [[nodiscard]] Result<> check(const Removal& removal) const;
  std::vector<RemovedJob> apply(const Removal& removal);
};

// Shared by the writer's and any number of readers' threads.
class MemoryDisk::State {
 public:
  Recovery recover();
  AppendOutcome append(const MergedChanges& changes, bool& broken);
  RemoveOutcome remove(const Removal& removal, bool& broken);
  AppendOutcome write_tokens(const auth::TokenChanges& changes, bool& broken);
  void inject(Fault fault, std::uint64_t skip);
  void set_full(bool full);
  std::uint64_t appends();

  // Calls `read` with the rows held still.
  template <class Read>
  auto with(Read read) {
    const MutexLock lock(mutex_);
    return read(static_cast<const MemoryRows&>(rows_));
  }

 private:
  std::optional<Fault> next_fault() HEARTH_REQUIRES(mutex_);

  Mutex mutex_;
  std::optional<Fault> fault_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t fault_skip_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool full_ HEARTH_GUARDED_BY(mutex_) = false;
  std::uint64_t appends_ HEARTH_GUARDED_BY(mutex_) = 0;
  MemoryRows rows_ HEARTH_GUARDED_BY(mutex_);
};

std::unique_ptr<Reader> open_memory_reader(std::shared_ptr<MemoryDisk::State> state);

}  // namespace hearth::store
