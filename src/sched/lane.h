// Answers "which agent is best for this request now" for all classes that prefer agents alike.
//
// Classes that require the same labels, sandbox level, features and kinds of resources rank agents
// alike and differ only in amounts: they share one lane. A lane is the list of the agents that it
// may use, in order of rank (rank_list.h). It follows the fleet's log when it is asked, not when an
// agent changes.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sched/class_key.h"
#include "sched/fleet.h"
#include "sched/rank_list.h"

namespace hearth::sched {

struct LaneKey {
  Labels requires_labels;
  std::vector<std::string> named;
  bool gpus = false;
  SandboxLevel sandbox = SandboxLevel::None;
  std::vector<std::string> features;

  friend auto operator<=>(const LaneKey&, const LaneKey&) = default;
};

LaneKey lane_key_of(const ClassKey& key);

using LabelSet = std::set<std::pair<std::string, std::string>>;

// How much that other jobs may need is wasted on a job of this lane: GPUs and named resources it
// does not ask for, and labels that other lanes require (`wanted`) but this one does not.
std::uint32_t waste_of(const FleetAgent& agent, const LaneKey& key, const LabelSet& wanted);

Rank rank_of(const FleetAgent& agent, std::uint32_t waste);

class Lane {
 public:
  explicit Lane(LaneKey key) : key_(std::move(key)) {}

  // Catches up with the fleet. `wanted_version` changes whenever `wanted` does.
  void sync(const Fleet& fleet, const LabelSet& wanted, std::uint64_t wanted_version);
  // An accepting, not held agent of the lowest rank that has room; kNone if there is none. Call
  // sync first.
  [[nodiscard]] AgentSlot best(const Fleet& fleet, const ResourceVector& request) const;
  [[nodiscard]] const LaneKey& key() const { return key_; }

 private:
  void weigh(const Fleet& fleet, const LabelSet& wanted);
  void rebuild(const Fleet& fleet);
  [[nodiscard]] bool is_open(const FleetAgent& agent, AgentSlot slot) const;
  [[nodiscard]] RankList::Entry entry_of(const FleetAgent& agent, AgentSlot slot) const;
  void refresh(const Fleet& fleet, AgentSlot slot);

  LaneKey key_;
  RankList open_;                     // the agents that take work of this lane now
  std::vector<std::uint32_t> waste_;  // per slot; kNone: can never hold a job of this lane
  std::uint64_t cursor_ = 0;
  std::uint64_t shape_version_ = 0;
  std::uint64_t wanted_version_ = 0;
};

}  // namespace hearth::sched
