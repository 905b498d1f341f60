#include "sched/rank_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace hearth::sched {
namespace {

constexpr std::size_t kSmall = RankList::kBlockMax / 4;
// A block that was just split or joined has room for a while on both sides.
constexpr std::size_t kJoinedMax = RankList::kBlockMax * 3 / 4;

}  // namespace

void RankList::assign(std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.rank, a.slot) < std::tie(b.rank, b.slot);
  });
  while (!order_.empty()) {
    spare_.push_back(std::move(order_.back().block));
    order_.pop_back();
  }
  std::fill(ranks_.begin(), ranks_.end(), Rank{});
  size_ = entries.size();
  for (const Entry& entry : entries) {
    if (order_.empty() || order_.back().block->size == kJoinedMax) {
      order_.push_back({.cpu_milli = -1, .memory_bytes = -1, .first = {}, .block = take_block()});
    }
    Block& block = *order_.back().block;
    block.keys[block.size] = {entry.rank, entry.slot};
    block.cpu_milli[block.size] = entry.cpu_milli;
    block.memory_bytes[block.size] = entry.memory_bytes;
    ++block.size;
    if (entry.slot >= ranks_.size()) {
      ranks_.resize(entry.slot + 1);
    }
    ranks_[entry.slot] = entry.rank;
  }
  for (Summary& summary : order_) {
    summarize(summary);
  }
}

void RankList::set(const Entry& entry) {
  if (entry.slot >= ranks_.size()) {
    ranks_.resize(entry.slot + 1);
  }
  erase(entry.slot);
  insert(entry);
}

void RankList::erase(AgentSlot slot) {
  if (slot >= ranks_.size() || ranks_[slot] == Rank{}) {
    return;
  }
  const Key key{ranks_[slot], slot};
  ranks_[slot] = Rank{};
  --size_;
  const std::size_t at = block_of(key);
  Block& block = *order_[at].block;
  const std::size_t place = place_of(block, key);
  HEARTH_CHECK(place < block.size && block.keys[place] == key, "an agent stands at its rank");
  const bool had_most = block.cpu_milli[place] == order_[at].cpu_milli ||
                        block.memory_bytes[place] == order_[at].memory_bytes;
  const auto close_gap = [&](auto& values) {
    std::copy(values.begin() + place + 1, values.begin() + block.size, values.begin() + place);
  };
  close_gap(block.keys);
  close_gap(block.cpu_milli);
  close_gap(block.memory_bytes);
  --block.size;
  if (block.size == 0) {
    spare_.push_back(std::move(order_[at].block));
    order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  if (had_most) {
    summarize(order_[at]);
  } else {
    order_[at].first = block.keys[0];
  }
  join_if_small(at);
}

void RankList::insert(const Entry& entry) {
  if (order_.empty()) {
    order_.push_back({.cpu_milli = -1, .memory_bytes = -1, .first = {}, .block = take_block()});
  }
  const Key key{entry.rank, entry.slot};
  std::size_t at = block_of(key);
  if (order_[at].block->size == kBlockMax) {
    split(at);
    at = block_of(key);
  }
  Summary& summary = order_[at];
  Block& block = *summary.block;
  const std::size_t place = place_of(block, key);
  const auto put = [&](auto& values, const auto& value) {
    std::copy_backward(values.begin() + place, values.begin() + block.size,
                       values.begin() + block.size + 1);
    values[place] = value;
  };
  put(block.keys, key);
  put(block.cpu_milli, entry.cpu_milli);
  put(block.memory_bytes, entry.memory_bytes);
  ++block.size;
  ++size_;
  ranks_[entry.slot] = entry.rank;
  summary.first = block.keys[0];
  summary.cpu_milli = std::max(summary.cpu_milli, entry.cpu_milli);
  summary.memory_bytes = std::max(summary.memory_bytes, entry.memory_bytes);
}

// The block whose range has the key: the last one that begins at or before it, else the first.
std::size_t RankList::block_of(const Key& key) const {
  const auto after =
      std::upper_bound(order_.begin(), order_.end(), key,
                       [](const Key& wanted, const Summary& each) { return wanted < each.first; });
  return after == order_.begin() ? 0 : static_cast<std::size_t>(after - order_.begin()) - 1;
}

void RankList::split(std::size_t at) {
  Summary upper{.cpu_milli = -1, .memory_bytes = -1, .first = {}, .block = take_block()};
  Block& lower = *order_[at].block;
  append(*upper.block, lower, kBlockMax / 2, kBlockMax);
  lower.size = kBlockMax / 2;
  summarize(order_[at]);
  summarize(upper);
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(upper));
}

// Without it the ranks, which mostly grow, would leave a trail of blocks with one entry each.
void RankList::join_if_small(std::size_t at) {
  const auto size_at = [&](std::size_t index) { return order_[index].block->size; };
  if (size_at(at) > kSmall) {
    return;
  }
  if (at + 1 < order_.size() && size_at(at) + size_at(at + 1) <= kJoinedMax) {
    join_with_next(at);
  } else if (at > 0 && size_at(at - 1) + size_at(at) <= kJoinedMax) {
    join_with_next(at - 1);
  }
}

void RankList::join_with_next(std::size_t at) {
  Summary& next = order_[at + 1];
  append(*order_[at].block, *next.block, 0, next.block->size);
  summarize(order_[at]);
  spare_.push_back(std::move(next.block));
  order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
}

std::unique_ptr<RankList::Block> RankList::take_block() {
  if (spare_.empty()) {
    return std::make_unique<Block>();
  }
  std::unique_ptr<Block> block = std::move(spare_.back());
  spare_.pop_back();
  block->size = 0;
  return block;
}

std::size_t RankList::place_of(const Block& block, const Key& key) {
  const auto end = block.keys.begin() + block.size;
  return static_cast<std::size_t>(std::lower_bound(block.keys.begin(), end, key) -
                                  block.keys.begin());
}

void RankList::append(Block& to, const Block& from, std::size_t begin, std::size_t end) {
  std::copy(from.keys.begin() + begin, from.keys.begin() + end, to.keys.begin() + to.size);
  std::copy(from.cpu_milli.begin() + begin, from.cpu_milli.begin() + end,
            to.cpu_milli.begin() + to.size);
  std::copy(from.memory_bytes.begin() + begin, from.memory_bytes.begin() + end,
            to.memory_bytes.begin() + to.size);
  to.size += end - begin;
}

void RankList::summarize(Summary& summary) {
  const Block& block = *summary.block;
  summary.first = block.keys[0];
  summary.cpu_milli =
      *std::max_element(block.cpu_milli.begin(), block.cpu_milli.begin() + block.size);
  summary.memory_bytes =
      *std::max_element(block.memory_bytes.begin(), block.memory_bytes.begin() + block.size);
}

}  // namespace hearth::sched
