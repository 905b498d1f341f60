// The live jobs, each at a fixed address and with a small dense number.
//
// A million queued jobs must fit in half a gibibyte: a job is one slab entry and eight bytes of
// index; what most jobs share (class, retry policy) is interned and what few have (dependencies,
// timers, idempotency keys) lives in side tables.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/job.h"
#include "sched/class_key.h"

namespace hearth::core {

using JobSlot = std::uint32_t;
using sched::kNone;

struct Job {
  JobRecord record;
  const std::string* idempotency_key = nullptr;  // owned by the index of keys; null: none
  std::int64_t payload_bytes = 0;
  sched::ClassId class_id = kNone;  // kNone once ended
  std::uint32_t policy = kNone;     // kNone once ended
  sched::QueueNode queue_node = kNone;
  // The agent whose capacity it has reserved, and its neighbours in that agent's list of attempts.
  sched::AgentSlot agent = kNone;
  JobSlot previous_on_agent = kNone;
  JobSlot next_on_agent = kNone;
  std::uint32_t open_dependencies = 0;
  bool in_use = false;
};
static_assert(sizeof(Job) <= 512, "the hot state of a job must stay within its bound");

class JobTable {
 public:
  // The id must not be in the table.
  JobSlot insert(JobId id);
  void erase(JobSlot slot);

  [[nodiscard]] JobSlot find(JobId id) const;  // kNone when absent
  [[nodiscard]] Job& at(JobSlot slot) { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  [[nodiscard]] const Job& at(JobSlot slot) const {
    return (*chunks_[slot / kChunk])[slot % kChunk];
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Slots are below this; not every one is in use.
  [[nodiscard]] JobSlot end() const { return end_; }

 private:
  static constexpr std::size_t kChunk = 1'024;
  using Chunk = std::array<Job, kChunk>;

  [[nodiscard]] std::size_t home_of(JobId id) const;
  void index_insert(JobSlot slot);
  void index_erase(JobId id);
  void grow_index();

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<JobSlot> unused_;
  JobSlot end_ = 0;
  std::size_t size_ = 0;
  // Open addressing with linear probing, at most half full; a power of two of entries.
  std::vector<JobSlot> index_;
};

}  // namespace hearth::core
