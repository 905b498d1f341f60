#include "sched/lane.h"

#include <algorithm>
#include <array>
#include <bit>

namespace hearth::sched {
namespace {

constexpr int kShareBits = 16;
constexpr int kRunningBits = 24;
constexpr int kTierBits = 8;
constexpr std::uint64_t kRunningMax = (1U << kRunningBits) - 1;
constexpr std::uint32_t kWasteMax = (1U << 15) - 1;

double share(std::int64_t capacity, std::int64_t free) {
  return capacity <= 0 ? 0.0 : static_cast<double>(capacity - free) / static_cast<double>(capacity);
}

std::uint64_t share_in_use(const FleetAgent& agent) {
  const double dominant = std::max(share(agent.capacity.cpu_milli, agent.free.cpu_milli),
                                   share(agent.capacity.memory_bytes, agent.free.memory_bytes));
  return static_cast<std::uint64_t>(dominant * ((1U << kShareBits) - 1));
}

bool asks_for(const LaneKey& key, const std::string& name) {
  return std::binary_search(key.named.begin(), key.named.end(), name);
}

}  // namespace

LaneKey lane_key_of(const ClassKey& key) {
  LaneKey lane{.requires_labels = key.requires_labels,
               .named = {},
               .gpus = key.request.gpus > 0,
               .sandbox = key.sandbox};
  for (const auto& [name, amount] : key.request.named) {
    lane.named.push_back(name);
  }
  return lane;
}

std::uint32_t waste_of(const FleetAgent& agent, const LaneKey& key, const LabelSet& wanted) {
  std::uint32_t waste = agent.capacity.gpus > 0 && !key.gpus ? 1 : 0;
  for (const auto& [name, amount] : agent.capacity.named) {
    waste += asks_for(key, name) ? 0U : 1U;
  }
  for (const auto& label : wanted) {
    const auto offered = agent.labels.find(label.first);
    const auto required = key.requires_labels.find(label.first);
    const bool carries = offered != agent.labels.end() && offered->second == label.second;
    const bool needs = required != key.requires_labels.end() && required->second == label.second;
    waste += carries && !needs ? 1U : 0U;
  }
  return std::min(waste, kWasteMax);
}

Rank rank_of(const FleetAgent& agent, std::uint32_t waste) {
  const auto running = std::min(static_cast<std::uint64_t>(agent.running), kRunningMax);
  std::uint64_t fit = waste;
  fit = (fit << kTierBits) | agent.tier;
  fit = (fit << kRunningBits) | running;
  fit = (fit << kShareBits) | share_in_use(agent);
  return {fit, agent.turn};
}

void Lane::sync(const Fleet& fleet, const LabelSet& wanted, std::uint64_t wanted_version) {
  const std::uint64_t pending = fleet.log_end() - cursor_;
  if (shape_version_ != fleet.shape_version() || wanted_version_ != wanted_version) {
    weigh(fleet, wanted);
    rebuild(fleet);
    shape_version_ = fleet.shape_version();
    wanted_version_ = wanted_version;
  } else if (cursor_ < fleet.log_begin() || pending > leaves_) {
    rebuild(fleet);
  } else {
    for (; cursor_ != fleet.log_end(); ++cursor_) {
      refresh(fleet, fleet.logged(cursor_));
    }
  }
  cursor_ = fleet.log_end();
}

AgentSlot Lane::best(const Fleet& fleet, const ResourceVector& request) const {
  if (leaves_ == 0) {
    return kNone;
  }
  // Depth first, the better child first; a path of log2(slots) <= 32 nodes leaves one sibling each.
  std::array<std::size_t, 66> stack;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::size_t depth = 0;
  stack[depth++] = 1;
  Rank best_rank;
  AgentSlot best_slot = kNone;
  while (depth > 0) {
    const std::size_t at = stack[--depth];
    const Node& node = nodes_[at];
    if (node.rank >= best_rank || node.cpu_milli < request.cpu_milli ||
        node.memory_bytes < request.memory_bytes) {
      continue;
    }
    if (at >= leaves_) {
      const auto slot = static_cast<AgentSlot>(at - leaves_);
      if (fleet.has_room(slot, request)) {
        best_rank = node.rank;
        best_slot = slot;
      }
      continue;
    }
    const std::size_t left = 2 * at;
    const bool left_first = nodes_[left].rank <= nodes_[left + 1].rank;
    stack[depth++] = left_first ? left + 1 : left;
    stack[depth++] = left_first ? left : left + 1;
  }
  return best_slot;
}

void Lane::weigh(const Fleet& fleet, const LabelSet& wanted) {
  const ClassKey shape{.priority = 0,
                       .sandbox = key_.sandbox,
                       .request = {},
                       .group = {},
                       .requires_labels = key_.requires_labels};
  waste_.assign(fleet.slots(), kNone);
  for (AgentSlot slot = 0; slot < fleet.slots(); ++slot) {
    if (fleet.could_hold(slot, shape)) {
      waste_[slot] = waste_of(fleet.at(slot), key_, wanted);
    }
  }
}

void Lane::rebuild(const Fleet& fleet) {
  leaves_ = std::bit_ceil(std::max<std::size_t>(fleet.slots(), 1));
  nodes_.assign(2 * leaves_, Node{});
  for (AgentSlot slot = 0; slot < fleet.slots(); ++slot) {
    nodes_[leaves_ + slot] = leaf_of(fleet, slot);
  }
  for (std::size_t at = leaves_ - 1; at >= 1; --at) {
    nodes_[at] = merge(nodes_[2 * at], nodes_[2 * at + 1]);
  }
}

Lane::Node Lane::leaf_of(const Fleet& fleet, AgentSlot slot) const {
  const FleetAgent& agent = fleet.at(slot);
  const bool open = waste_[slot] != kNone && agent.present && agent.accepting && !agent.held &&
                    agent.running < agent.max_parallel;
  if (!open) {
    return {};
  }
  return {rank_of(agent, waste_[slot]), agent.free.cpu_milli, agent.free.memory_bytes};
}

void Lane::refresh(const Fleet& fleet, AgentSlot slot) {
  std::size_t at = leaves_ + slot;
  nodes_[at] = leaf_of(fleet, slot);
  for (at /= 2; at >= 1; at /= 2) {
    nodes_[at] = merge(nodes_[2 * at], nodes_[2 * at + 1]);
  }
}

Lane::Node Lane::merge(const Node& left, const Node& right) {
  return {std::min(left.rank, right.rank), std::max(left.cpu_milli, right.cpu_milli),
          std::max(left.memory_bytes, right.memory_bytes)};
}

}  // namespace hearth::sched
