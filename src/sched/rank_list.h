// The agents that a lane may use now, best rank first, searched for the first that has enough cpu
// and memory.
//
// A full fleet is the hard case: the best ranks are those of agents with few but big attempts,
// which have nothing left, and a search must pass all of them. So the order is kept in blocks of
// contiguous entries, and each block knows the most free cpu and memory in it: a search looks at
// one pair of numbers a block, then at one block. With agents up to limits::kAgentsMax there are
// some hundred blocks at most, fewer cache lines than a tree's path back and forth would touch.
//
// Invariants: no block is empty or above kBlockMax, and of two neighbours at least one has more
// than kBlockMax / 4 entries.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "sched/class_key.h"

namespace hearth::sched {

// The rule of docs/adr/0006-placement.md, lower is better: least waste, then the smallest tier,
// then the fewest attempts, then the smallest share in use (all in `fit`), then whose turn it is.
struct Rank {
  std::uint64_t fit = ~std::uint64_t{0};
  std::uint64_t turn = ~std::uint64_t{0};
  friend auto operator<=>(const Rank&, const Rank&) = default;
};

class RankList {
 public:
  static constexpr std::size_t kBlockMax = 64;

  struct Entry {
    Rank rank;
    AgentSlot slot = kNone;
    std::int64_t cpu_milli = 0;
    std::int64_t memory_bytes = 0;
  };

  // Replaces everything. Each slot at most once.
  void assign(std::vector<Entry> entries);
  // Inserts the agent or moves it.
  void set(const Entry& entry);
  void erase(AgentSlot slot);

  // The first in order of (rank, slot) that has as much cpu and memory and that `fits`; else kNone.
  template <class Fits>
  [[nodiscard]] AgentSlot first(std::int64_t cpu_milli, std::int64_t memory_bytes,
                                const Fits& fits) const {
    for (const Summary& summary : order_) {
      if (summary.cpu_milli < cpu_milli || summary.memory_bytes < memory_bytes) {
        continue;
      }
      const Block& block = *summary.block;
      for (std::size_t i = 0; i < block.size; ++i) {
        if (block.cpu_milli[i] >= cpu_milli && block.memory_bytes[i] >= memory_bytes &&
            fits(block.keys[i].slot)) {
          return block.keys[i].slot;
        }
      }
    }
    return kNone;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t blocks() const { return order_.size(); }

 private:
  struct Key {
    Rank rank;
    AgentSlot slot = kNone;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Block {
    std::size_t size = 0;
    std::array<std::int64_t, kBlockMax> cpu_milli;
    std::array<std::int64_t, kBlockMax> memory_bytes;
    std::array<Key, kBlockMax> keys;
  };
  struct Summary {
    std::int64_t cpu_milli = -1;
    std::int64_t memory_bytes = -1;
    Key first;
    std::unique_ptr<Block> block;
  };

  [[nodiscard]] std::size_t block_of(const Key& key) const;
  void insert(const Entry& entry);
  void split(std::size_t at);
  void join_if_small(std::size_t at);
  void join_with_next(std::size_t at);
  std::unique_ptr<Block> take_block();
  static std::size_t place_of(const Block& block, const Key& key);
  static void append(Block& to, const Block& from, std::size_t begin, std::size_t end);
  static void summarize(Summary& summary);

  std::vector<Summary> order_;
  std::vector<std::unique_ptr<Block>> spare_;  // so that a set costs no allocation
  std::vector<Rank> ranks_;                    // per slot; Rank{}: not in the list
  std::size_t size_ = 0;
};

}  // namespace hearth::sched
