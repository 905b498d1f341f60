// The agents as the scheduler sees them: what they offer, what of it is free.
//
// Dense: an agent is a slot number, so that a class's candidate structures are plain arrays. Each
// change of a slot is logged; lanes (lane.h) read the log from where they stopped, so a change
// costs nothing to lanes that are not asked.
//
// Invariant: 0 <= free <= capacity in every component and 0 <= running <= max_parallel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/agent.h"
#include "model/resources.h"
#include "sched/class_key.h"

namespace hearth::sched {

struct FleetAgent {
  ResourceVector free;
  std::int64_t running = 0;
  std::int64_t max_parallel = 0;
  std::uint64_t turn = 0;  // when it was last given work, in reservations of the fleet
  // Connected and not draining: work may be placed.
  bool accepting = false;
  // A starving class waits for this agent; nobody else is placed here.
  bool held = false;
  bool present = false;
  std::uint8_t sandboxes = 0;  // bit per SandboxLevel
  std::uint8_t tier = 0;       // about how big it is, see tier_of
  ResourceVector capacity;
  Labels labels;
  std::vector<std::string> features;  // sorted
};

class Fleet {
 public:
  AgentSlot add(const AgentInfo& info);
  // What is reserved stays reserved and must fit in the new capacity.
  void update(AgentSlot slot, const AgentInfo& info);
  // Nothing may be reserved.
  void remove(AgentSlot slot);
  void set_accepting(AgentSlot slot, bool accepting);
  void set_held(AgentSlot slot, bool held);
  void reserve(AgentSlot slot, const ResourceVector& request);
  void release(AgentSlot slot, const ResourceVector& request);

  [[nodiscard]] std::size_t slots() const { return agents_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const FleetAgent& at(AgentSlot slot) const { return agents_[slot]; }
  [[nodiscard]] ResourceVector reserved(AgentSlot slot) const;

  // Free now, whether or not the agent accepts work or is held.
  [[nodiscard]] bool has_room(AgentSlot slot, const ResourceVector& request) const;
  // Labels, sandbox level, features and capacity: could it hold the class if it were empty?
  [[nodiscard]] bool could_hold(AgentSlot slot, const ClassKey& key) const;

  // The log of changed slots: entries [log_begin, log_end). Readers that stopped before log_begin
  // must look at every slot.
  [[nodiscard]] std::uint64_t log_begin() const { return log_begin_; }
  [[nodiscard]] std::uint64_t log_end() const { return log_begin_ + log_.size(); }
  [[nodiscard]] AgentSlot logged(std::uint64_t index) const { return log_[index - log_begin_]; }
  // Raised when a slot's labels, sandboxes, features, tier or kinds of resources may have changed.
  [[nodiscard]] std::uint64_t shape_version() const { return shape_version_; }

 private:
  void log(AgentSlot slot);

  std::vector<FleetAgent> agents_;
  std::vector<AgentSlot> unused_;
  std::size_t size_ = 0;
  std::uint64_t turns_ = 0;
  std::vector<AgentSlot> log_;
  std::uint64_t log_begin_ = 0;
  std::uint64_t shape_version_ = 1;
};

// Labels a job can require: the operator's own, and `id`, `type`, `hostname` and `enforcement`
// where the operator has not set them.
Labels matchable_labels(const AgentInfo& info);
bool has_labels(const Labels& offered, const Labels& required);
// Both sorted.
bool has_features(const std::vector<std::string>& offered,
                  const std::vector<std::string>& required);
// Agents of one tier count as equally big: the same power of two of cores and of memory, rounded.
// Exact sizes would tell 15.9 GiB from 16 GiB and spoil the even spread over equal machines.
std::uint8_t tier_of(const ResourceVector& capacity);
bool offers_sandbox(const AgentInfo& info, SandboxLevel level);

}  // namespace hearth::sched
