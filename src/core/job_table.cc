#include "core/job_table.h"

#include "base/check.h"

namespace hearth::core {

JobSlot JobTable::insert(JobId id) {
  JobSlot slot = 0;
  if (unused_.empty()) {
    slot = end_++;
    if (slot / kChunk >= chunks_.size()) {
      chunks_.push_back(std::make_unique<Chunk>());
    }
  } else {
    slot = unused_.back();
    unused_.pop_back();
  }
  Job& job = at(slot);
  job = Job{};
  job.record.id = id;
  job.in_use = true;
  ++size_;
  if (2 * size_ > index_.size()) {
    grow_index();
  } else {
    index_insert(slot);
  }
  return slot;
}

void JobTable::erase(JobSlot slot) {
  index_erase(at(slot).record.id);
  at(slot) = Job{};
  unused_.push_back(slot);
  --size_;
}

JobSlot JobTable::find(JobId id) const {
  if (index_.empty()) {
    return kNone;
  }
  const std::size_t mask = index_.size() - 1;
  for (std::size_t i = home_of(id); index_[i] != kNone; i = (i + 1) & mask) {
    if (at(index_[i]).record.id == id) {
      return index_[i];
    }
  }
  return kNone;
}

std::size_t JobTable::home_of(JobId id) const {
  // Ids count up in their low bits and hold the time in their high ones: multiply to mix both.
  const std::uint64_t mixed = id.value() * 0x9e37'79b9'7f4a'7c15ULL;
  return static_cast<std::size_t>(mixed >> 32) & (index_.size() - 1);
}

void JobTable::index_insert(JobSlot slot) {
  const std::size_t mask = index_.size() - 1;
  std::size_t i = home_of(at(slot).record.id);
  while (index_[i] != kNone) {
    i = (i + 1) & mask;
  }
  index_[i] = slot;
}

// Closes the gap by moving back every later entry that may stand in it, so that no tombstones are
// needed.
void JobTable::index_erase(JobId id) {
  const std::size_t mask = index_.size() - 1;
  std::size_t gap = home_of(id);
  while (index_[gap] == kNone || at(index_[gap]).record.id != id) {
    HEARTH_CHECK(index_[gap] != kNone, "a job in the table must be in its index");
    gap = (gap + 1) & mask;
  }
  for (std::size_t i = (gap + 1) & mask; index_[i] != kNone; i = (i + 1) & mask) {
    const std::size_t home = home_of(at(index_[i]).record.id);
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      index_[gap] = index_[i];
      gap = i;
    }
  }
  index_[gap] = kNone;
}

void JobTable::grow_index() {
  constexpr std::size_t kSmallest = 64;
  index_.assign(index_.empty() ? kSmallest : 2 * index_.size(), kNone);
  for (JobSlot slot = 0; slot < end_; ++slot) {
    if (at(slot).in_use) {
      index_insert(slot);
    }
  }
}

}  // namespace hearth::core
