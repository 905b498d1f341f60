#include "sched/lane.h"

#include <algorithm>
#include <utility>

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
               .sandbox = key.sandbox,
               .features = key.features};
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
  } else if (cursor_ < fleet.log_begin() || pending > fleet.slots()) {
    rebuild(fleet);
  } else {
    for (; cursor_ != fleet.log_end(); ++cursor_) {
      refresh(fleet, fleet.logged(cursor_));
    }
  }
  cursor_ = fleet.log_end();
}

AgentSlot Lane::best(const Fleet& fleet, const ResourceVector& request) const {
  return open_.first(request.cpu_milli, request.memory_bytes,
                     [&](AgentSlot slot) { return fleet.has_room(slot, request); });
}

void Lane::weigh(const Fleet& fleet, const LabelSet& wanted) {
  const ClassKey shape{.priority = 0,
                       .sandbox = key_.sandbox,
                       .request = {},
                       .group = {},
                       .requires_labels = key_.requires_labels,
                       .features = key_.features};
  waste_.assign(fleet.slots(), kNone);
  for (AgentSlot slot = 0; slot < fleet.slots(); ++slot) {
    if (fleet.could_hold(slot, shape)) {
      waste_[slot] = waste_of(fleet.at(slot), key_, wanted);
    }
  }
}

void Lane::rebuild(const Fleet& fleet) {
  std::vector<RankList::Entry> entries;
  for (AgentSlot slot = 0; slot < fleet.slots(); ++slot) {
    if (const FleetAgent& agent = fleet.at(slot); is_open(agent, slot)) {
      entries.push_back(entry_of(agent, slot));
    }
  }
  open_.assign(std::move(entries));
}

bool Lane::is_open(const FleetAgent& agent, AgentSlot slot) const {
  return waste_[slot] != kNone && agent.present && agent.accepting && !agent.held &&
         agent.running < agent.max_parallel;
}

RankList::Entry Lane::entry_of(const FleetAgent& agent, AgentSlot slot) const {
  return {rank_of(agent, waste_[slot]), slot, agent.free.cpu_milli, agent.free.memory_bytes};
}

void Lane::refresh(const Fleet& fleet, AgentSlot slot) {
  if (const FleetAgent& agent = fleet.at(slot); is_open(agent, slot)) {
    open_.set(entry_of(agent, slot));
  } else {
    open_.erase(slot);
  }
}

}  // namespace hearth::sched
