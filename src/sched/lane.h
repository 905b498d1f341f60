// Answers "which agent is best for this request now" for all classes that prefer agents alike.
//
// Classes that require the same labels, sandbox level and kinds of resources rank agents alike and
// differ only in amounts: they share one lane. A lane is a tournament tree over the agents' slots.
// Each inner node knows the best rank below it and the most free cpu and memory of any agent below
// it, so that a search skips what cannot win or cannot fit: about log(agents) steps whether or not
// something fits. The tree follows the fleet's log when it is asked, not when an agent changes.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sched/class_key.h"
#include "sched/fleet.h"

namespace hearth::sched {

struct LaneKey {
  Labels requires_labels;
  std::vector<std::string> named;
  bool gpus = false;
  SandboxLevel sandbox = SandboxLevel::None;

  friend auto operator<=>(const LaneKey&, const LaneKey&) = default;
};

LaneKey lane_key_of(const ClassKey& key);

using LabelSet = std::set<std::pair<std::string, std::string>>;

// How much that other jobs may need is wasted on a job of this lane: GPUs and named resources it
// does not ask for, and labels that other lanes require (`wanted`) but this one does not.
std::uint32_t waste_of(const FleetAgent& agent, const LaneKey& key, const LabelSet& wanted);

// The rule of docs/adr/0006-placement.md, lower is better: least waste, then the smallest tier,
// then the fewest attempts, then the smallest share in use (all in `fit`), then whose turn it is.
struct Rank {
  std::uint64_t fit = ~std::uint64_t{0};
  std::uint64_t turn = ~std::uint64_t{0};
  friend auto operator<=>(const Rank&, const Rank&) = default;
};
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
  struct Node {
    Rank rank;
    std::int64_t cpu_milli = -1;
    std::int64_t memory_bytes = -1;
  };

  void weigh(const Fleet& fleet, const LabelSet& wanted);
  void rebuild(const Fleet& fleet);
  [[nodiscard]] Node leaf_of(const Fleet& fleet, AgentSlot slot) const;
  void refresh(const Fleet& fleet, AgentSlot slot);
  static Node merge(const Node& left, const Node& right);

  LaneKey key_;
  std::size_t leaves_ = 0;  // a power of two; nodes_[leaves_ + slot] is the slot's leaf
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> waste_;  // per slot; kNone: can never hold a job of this lane
  std::uint64_t cursor_ = 0;
  std::uint64_t shape_version_ = 0;
  std::uint64_t wanted_version_ = 0;
};

}  // namespace hearth::sched
