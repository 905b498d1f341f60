#include "sched/fleet.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/mutate.h"

namespace hearth::sched {
namespace {

// Beyond this many entries a reader that has not kept up is better off rebuilding.
constexpr std::size_t kLogEntriesMax = 65'536;

std::uint8_t sandbox_bit(SandboxLevel level) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(level));
}

std::uint8_t sandboxes_of(const AgentInfo& info) {
  std::uint8_t mask = 0;
  for (const SandboxLevel level : info.sandboxes) {
    mask = static_cast<std::uint8_t>(mask | sandbox_bit(level));
  }
  return mask == 0 ? sandbox_bit(SandboxLevel::None) : mask;
}

// Nearest power of two, as an exponent from 0 on.
int nearest_exponent(double amount) {
  return amount <= 1.0 ? 0 : static_cast<int>(std::lround(std::log2(amount)));
}

}  // namespace

AgentSlot Fleet::add(const AgentInfo& info) {
  AgentSlot slot = 0;
  if (unused_.empty()) {
    slot = static_cast<AgentSlot>(agents_.size());
    agents_.emplace_back();
  } else {
    slot = unused_.back();
    unused_.pop_back();
    agents_[slot] = FleetAgent{};
  }
  agents_[slot].present = true;
  ++size_;
  update(slot, info);
  return slot;
}

void Fleet::update(AgentSlot slot, const AgentInfo& info) {
  FleetAgent& agent = agents_[slot];
  const ResourceVector in_use = reserved(slot);
  HEARTH_CHECK(in_use.fits_in(info.capacity) && agent.running <= info.max_parallel_jobs,
               "an agent's new capacity must hold what is reserved on it");
  agent.capacity = info.capacity;
  agent.free = info.capacity;
  agent.free.subtract(in_use);
  agent.max_parallel = info.max_parallel_jobs;
  agent.labels = matchable_labels(info);
  agent.sandboxes = sandboxes_of(info);
  agent.features = info.features;
  std::ranges::sort(agent.features);
  agent.tier = tier_of(info.capacity);
  ++shape_version_;
  log(slot);
}

void Fleet::remove(AgentSlot slot) {
  FleetAgent& agent = agents_[slot];
  HEARTH_CHECK(agent.present && agent.running == 0, "a removed agent must hold no reservation");
  agent = FleetAgent{};
  --size_;
  unused_.push_back(slot);
  ++shape_version_;
  log(slot);
}

void Fleet::set_accepting(AgentSlot slot, bool accepting) {
  if (agents_[slot].accepting != accepting) {
    agents_[slot].accepting = accepting;
    log(slot);
  }
}

void Fleet::set_held(AgentSlot slot, bool held) {
  if (agents_[slot].held != held) {
    agents_[slot].held = held;
    log(slot);
  }
}

void Fleet::reserve(AgentSlot slot, const ResourceVector& request) {
  HEARTH_CHECK(has_room(slot, request), "a reservation must fit in what is free");
  FleetAgent& agent = agents_[slot];
  agent.free.subtract(request);
  ++agent.running;
  agent.turn = ++turns_;
  log(slot);
}

void Fleet::release(AgentSlot slot, const ResourceVector& request) {
  FleetAgent& agent = agents_[slot];
  agent.free.add(request);
  --agent.running;
  HEARTH_CHECK(agent.running >= 0 && agent.free.fits_in(agent.capacity),
               "no more may be released than was reserved");
  log(slot);
}

ResourceVector Fleet::reserved(AgentSlot slot) const {
  ResourceVector result = agents_[slot].capacity;
  result.subtract(agents_[slot].free);
  return result;
}

bool Fleet::has_room(AgentSlot slot, const ResourceVector& request) const {
  const FleetAgent& agent = agents_[slot];
  return agent.present && agent.running < agent.max_parallel &&
         (request.fits_in(agent.free) || HEARTH_MUTATE(oversubscribed));
}

bool Fleet::could_hold(AgentSlot slot, const ClassKey& key) const {
  const FleetAgent& agent = agents_[slot];
  return agent.present && agent.max_parallel > 0 && key.request.fits_in(agent.capacity) &&
         (agent.sandboxes & sandbox_bit(key.sandbox)) != 0 &&
         has_labels(agent.labels, key.requires_labels) &&
         has_features(agent.features, key.features);
}

void Fleet::log(AgentSlot slot) {
  if (log_.size() >= kLogEntriesMax) {
    log_begin_ += log_.size();
    log_.clear();
  }
  log_.push_back(slot);
}

Labels matchable_labels(const AgentInfo& info) {
  Labels labels = info.labels;
  labels.try_emplace("id", info.id.value());
  labels.try_emplace("hostname", info.hostname);
  labels.try_emplace("enforcement", to_string(info.enforcement));
  if (!info.type.empty()) {
    labels.try_emplace("type", info.type);
  }
  return labels;
}

bool has_labels(const Labels& offered, const Labels& required) {
  return std::all_of(required.begin(), required.end(), [&](const auto& label) {
    const auto at = offered.find(label.first);
    return at != offered.end() && at->second == label.second;
  });
}

bool has_features(const std::vector<std::string>& offered,
                  const std::vector<std::string>& required) {
  return std::ranges::includes(offered, required);
}

std::uint8_t tier_of(const ResourceVector& capacity) {
  constexpr double kCoreMilli = 1'000.0;
  constexpr double kMemoryUnit = 256.0 * 1024 * 1024;
  const int tier = nearest_exponent(static_cast<double>(capacity.cpu_milli) / kCoreMilli) +
                   nearest_exponent(static_cast<double>(capacity.memory_bytes) / kMemoryUnit);
  return static_cast<std::uint8_t>(std::min(tier, 255));
}

bool offers_sandbox(const AgentInfo& info, SandboxLevel level) {
  return (sandboxes_of(info) & sandbox_bit(level)) != 0;
}

}  // namespace hearth::sched
