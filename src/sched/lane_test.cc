#include "sched/lane.h"

#include <gtest/gtest.h>

#include <tuple>

namespace hearth::sched {
namespace {

constexpr std::int64_t kMib = 1'024 * 1'024;

std::uint64_t draw(std::uint64_t& state) {
  state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
  return state >> 33;
}

AgentInfo random_agent(std::uint64_t& seed, std::size_t number) {
  AgentInfo info;
  info.id = AgentId("agent-" + std::to_string(number));
  info.capacity = {.cpu_milli = static_cast<std::int64_t>(1 + draw(seed) % 16) * 1'000,
                   .memory_bytes = static_cast<std::int64_t>(1 + draw(seed) % 16) * 1'024 * kMib,
                   .gpus = static_cast<std::int64_t>(draw(seed) % 3),
                   .named = {}};
  if (draw(seed) % 4 == 0) {
    info.capacity.named = {{"licence", 2}};
  }
  if (draw(seed) % 3 == 0) {
    info.labels["ssd"] = "yes";
  }
  info.max_parallel_jobs = static_cast<std::int64_t>(1 + draw(seed) % 6);
  return info;
}

ClassKey random_class(std::uint64_t& seed) {
  ClassKey key;
  key.request = {.cpu_milli = static_cast<std::int64_t>(draw(seed) % 8) * 500,
                 .memory_bytes = static_cast<std::int64_t>(draw(seed) % 8) * 256 * kMib,
                 .gpus = draw(seed) % 4 == 0 ? 1 : 0,
                 .named = {}};
  if (draw(seed) % 5 == 0) {
    key.request.named = {{"licence", 1}};
  }
  if (draw(seed) % 4 == 0) {
    key.requires_labels["ssd"] = "yes";
  }
  return key;
}

// The rule, written down as a scan over all agents.
Rank best_by_scan(const Fleet& fleet, const ClassKey& key, const LabelSet& wanted, bool& found) {
  Rank best;
  found = false;
  for (AgentSlot slot = 0; slot < fleet.slots(); ++slot) {
    const FleetAgent& agent = fleet.at(slot);
    if (!agent.accepting || agent.held || !fleet.could_hold(slot, key) ||
        !fleet.has_room(slot, key.request)) {
      continue;
    }
    found = true;
    best = std::min(best, rank_of(agent, waste_of(agent, lane_key_of(key), wanted)));
  }
  return best;
}

TEST(LaneTest, AgreesWithAFullScanWhateverHappens) {
  const LabelSet wanted = {{"ssd", "yes"}};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::uint64_t state = seed;
    Fleet fleet;
    std::vector<ClassKey> classes;
    std::vector<Lane> lanes;
    for (int i = 0; i < 6; ++i) {
      classes.push_back(random_class(state));
      lanes.emplace_back(lane_key_of(classes.back()));
    }
    std::vector<std::pair<AgentSlot, ResourceVector>> reserved;
    std::size_t agents = 0;
    for (int step = 0; step < 600; ++step) {
      const std::uint64_t what = draw(state) % 20;
      if (agents == 0 || what == 0) {
        fleet.set_accepting(fleet.add(random_agent(state, ++agents)), true);
      } else if (what == 1) {
        const auto slot = static_cast<AgentSlot>(draw(state) % fleet.slots());
        fleet.set_accepting(slot, draw(state) % 2 == 0);
      } else if (what == 2) {
        fleet.set_held(static_cast<AgentSlot>(draw(state) % fleet.slots()), draw(state) % 2 == 0);
      } else if (what < 8 && !reserved.empty()) {
        const std::size_t which = draw(state) % reserved.size();
        fleet.release(reserved[which].first, reserved[which].second);
        reserved.erase(reserved.begin() + static_cast<std::ptrdiff_t>(which));
      }
      const std::size_t which = draw(state) % classes.size();
      lanes[which].sync(fleet, wanted, 1);
      const AgentSlot slot = lanes[which].best(fleet, classes[which].request);
      bool found = false;
      const Rank best = best_by_scan(fleet, classes[which], wanted, found);
      ASSERT_EQ(slot != kNone, found) << "seed " << seed << " step " << step;
      if (slot != kNone) {
        const FleetAgent& agent = fleet.at(slot);
        ASSERT_EQ(rank_of(agent, waste_of(agent, lanes[which].key(), wanted)), best)
            << "seed " << seed << " step " << step;
        fleet.reserve(slot, classes[which].request);
        reserved.emplace_back(slot, classes[which].request);
      }
    }
  }
}

TEST(LaneTest, CatchesUpEvenAfterTheLogWasDropped) {
  Fleet fleet;
  AgentInfo info;
  info.id = AgentId("a");
  info.capacity = {.cpu_milli = 1'000, .memory_bytes = kMib, .gpus = 0, .named = {}};
  const AgentSlot slot = fleet.add(info);
  fleet.set_accepting(slot, true);
  Lane lane(LaneKey{});
  lane.sync(fleet, {}, 1);
  const ResourceVector request{.cpu_milli = 1'000, .memory_bytes = 0, .gpus = 0, .named = {}};
  for (int i = 0; i < 70'000; ++i) {
    fleet.reserve(slot, request);
    fleet.release(slot, request);
  }
  fleet.reserve(slot, request);
  lane.sync(fleet, {}, 1);
  EXPECT_EQ(lane.best(fleet, request), kNone);
}

TEST(TierTest, MachinesOfAboutOneSizeShareATier) {
  const auto tier = [](double cores, double gib) {
    return tier_of({.cpu_milli = static_cast<std::int64_t>(cores * 1'000),
                    .memory_bytes = static_cast<std::int64_t>(gib * 1'024) * kMib,
                    .gpus = 0,
                    .named = {}});
  };
  EXPECT_EQ(tier(8, 15.6), tier(8, 16));
  EXPECT_EQ(tier(8, 16), tier(10, 18));
  EXPECT_LT(tier(4, 16), tier(8, 16));
  EXPECT_LT(tier(8, 8), tier(8, 16));
  EXPECT_EQ(tier(0, 0), 0);
}

}  // namespace
}  // namespace hearth::sched
