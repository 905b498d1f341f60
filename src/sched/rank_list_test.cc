#include "sched/rank_list.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

namespace hearth::sched {
namespace {

std::uint64_t draw(std::uint64_t& state) {
  state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
  return state >> 33;
}

RankList::Entry random_entry(std::uint64_t& state, AgentSlot slots, std::uint64_t ranks) {
  return {{draw(state) % ranks, draw(state) % 3},
          static_cast<AgentSlot>(draw(state) % slots),
          static_cast<std::int64_t>(draw(state) % 20),
          static_cast<std::int64_t>(draw(state) % 20)};
}

// The list's contract, as a map that is scanned.
class Model {
 public:
  void set(const RankList::Entry& entry) { entries_[entry.slot] = entry; }
  void erase(AgentSlot slot) { entries_.erase(slot); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::vector<RankList::Entry> all() const {
    std::vector<RankList::Entry> all;
    for (const auto& [slot, entry] : entries_) {
      all.push_back(entry);
    }
    return all;
  }

  template <class Fits>
  [[nodiscard]] AgentSlot first(std::int64_t cpu, std::int64_t memory, const Fits& fits) const {
    const RankList::Entry* best = nullptr;
    for (const auto& [slot, entry] : entries_) {
      if (entry.cpu_milli >= cpu && entry.memory_bytes >= memory && fits(slot) &&
          (best == nullptr ||
           std::tie(entry.rank, entry.slot) < std::tie(best->rank, best->slot))) {
        best = &entry;
      }
    }
    return best == nullptr ? kNone : best->slot;
  }

 private:
  std::map<AgentSlot, RankList::Entry> entries_;
};

void expect_same(const RankList& list, const Model& model, std::uint64_t& state) {
  const auto cpu = static_cast<std::int64_t>(draw(state) % 21);
  const auto memory = static_cast<std::int64_t>(draw(state) % 21);
  const std::uint64_t third = draw(state) % 3;
  const auto fits = [&](AgentSlot slot) { return slot % 3 != third; };
  ASSERT_EQ(list.size(), model.size());
  ASSERT_EQ(list.first(cpu, memory, fits), model.first(cpu, memory, fits));
}

TEST(RankListTest, FindsWhatAScanFindsWhileItGrowsShrinksAndMoves) {
  for (const std::uint64_t ranks : {2ULL, 50ULL, 1'000'000ULL}) {
    std::uint64_t state = ranks;
    RankList list;
    Model model;
    for (int step = 0; step < 12'000; ++step) {
      // Phases that mostly insert and phases that mostly erase, so that blocks split and join.
      const bool shrink = step / 3'000 % 2 == 1;
      const RankList::Entry entry = random_entry(state, 600, ranks);
      if (draw(state) % 4 < (shrink ? 3U : 1U)) {
        list.erase(entry.slot);
        model.erase(entry.slot);
      } else {
        list.set(entry);
        model.set(entry);
      }
      if (step % 4'000 == 3'999) {
        list.assign(model.all());
      }
      expect_same(list, model, state);
    }
  }
}

TEST(RankListTest, RanksThatOnlyGrowLeaveNoTrailOfSmallBlocks) {
  constexpr AgentSlot kAgents = 1'000;
  std::uint64_t state = 3;
  RankList list;
  std::uint64_t turn = 0;
  for (int step = 0; step < 50'000; ++step) {
    const auto slot = static_cast<AgentSlot>(draw(state) % kAgents);
    list.set({{0, ++turn}, slot, 1, 1});
    // Of two neighbours one has more than a quarter, or they could not be joined into three.
    ASSERT_LE(list.blocks(), 2 + 2 * list.size() / (RankList::kBlockMax / 4)) << "step " << step;
  }
  ASSERT_EQ(list.size(), kAgents);
}

TEST(RankListTest, EmptiesAndStartsAgain) {
  RankList list;
  const auto any = [](AgentSlot) { return true; };
  EXPECT_EQ(list.first(0, 0, any), kNone);
  list.erase(7);
  list.set({{1, 1}, 7, 4, 4});
  EXPECT_EQ(list.first(4, 4, any), 7U);
  EXPECT_EQ(list.first(5, 4, any), kNone);
  EXPECT_EQ(list.first(4, 5, any), kNone);
  list.erase(7);
  EXPECT_EQ(list.size(), 0U);
  EXPECT_EQ(list.blocks(), 0U);
  EXPECT_EQ(list.first(0, 0, any), kNone);
  list.set({{1, 1}, 3, 4, 4});
  list.assign({});
  EXPECT_EQ(list.first(0, 0, any), kNone);
}

}  // namespace
}  // namespace hearth::sched
