// What a MemoryDisk holds. Internal to memory/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "store/memory/memory_store.h"
#include "store/merged_changes.h"

namespace hearth::store {

// Shared by the writer's and any number of readers' threads: `mutex_` guards everything below it.
class MemoryDisk::State {
 public:
  struct JobRow {
    JobRecord record;
    std::string queue;
    std::string idempotency_key;
    std::shared_ptr<const JobPayload> payload;
    std::string secrets;
    std::map<std::uint32_t, Attempt> attempts;
    std::vector<EventSeq> events;
  };
  using OutputKey = std::tuple<JobId, std::uint32_t, StreamKind>;

  Recovery recover();
  AppendOutcome append(const MergedChanges& changes, bool& broken);
  void inject(Fault fault, std::uint64_t skip);
  void set_full(bool full);
  std::uint64_t appends();

  // Calls `read` with the rows held still.
  template <class Read>
  auto with(Read read) {
    const std::scoped_lock lock(mutex_);
    return read(static_cast<const State&>(*this));
  }

  // Only inside with().
  [[nodiscard]] const std::map<JobId, JobRow>& jobs() const { return jobs_; }
  [[nodiscard]] const std::map<EventSeq, JobEvent>& events() const { return events_; }
  [[nodiscard]] const std::map<OutputKey, std::string>& outputs() const { return outputs_; }
  [[nodiscard]] const std::unordered_map<std::string, JobId>& keys() const { return keys_; }

 private:
  Result<> check(const MergedChanges& changes) const;
  void apply(const MergedChanges& changes);

  std::mutex mutex_;
  std::optional<Fault> fault_;
  std::uint64_t fault_skip_ = 0;
  bool full_ = false;
  std::uint64_t appends_ = 0;
  std::uint64_t controller_epoch_ = 0;
  EventSeq last_seq_;
  JobId last_job_id_;
  std::map<JobId, JobRow> jobs_;
  std::map<EventSeq, JobEvent> events_;
  std::map<AgentId, AgentRecord> agents_;
  std::map<OutputKey, std::string> outputs_;
  std::unordered_map<std::string, JobId> keys_;
};

std::unique_ptr<Reader> open_memory_reader(std::shared_ptr<MemoryDisk::State> state);

}  // namespace hearth::store
