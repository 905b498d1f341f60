// A binary min-heap whose entries can be moved and removed: each item (a small dense number) is in
// it at most once, and the heap knows where. Costs four bytes per item ever used and one entry per
// item in the heap; a heap with lazy deletion would keep a million dead timers instead.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"

namespace hearth::sched {

template <class Key>
class IndexedHeap {
 public:
  using Item = std::uint32_t;

  struct Entry {
    Key key;
    Item item;
  };

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const Entry& top() const { return entries_.front(); }
  [[nodiscard]] bool contains(Item item) const {
    return item < positions_.size() && positions_[item] != kAbsent;
  }
  [[nodiscard]] const Key& key_of(Item item) const { return entries_[positions_[item]].key; }

  // Inserts the item or moves it to its new key.
  void set(Item item, Key key) {
    if (item >= positions_.size()) {
      positions_.resize(item + 1, kAbsent);
    }
    if (positions_[item] == kAbsent) {
      entries_.push_back({std::move(key), item});
      positions_[item] = static_cast<std::uint32_t>(entries_.size() - 1);
      sift_up(entries_.size() - 1);
      return;
    }
    const std::size_t at = positions_[item];
    entries_[at].key = std::move(key);
    sift_down(sift_up(at));
  }

  void erase(Item item) {
    if (!contains(item)) {
      return;
    }
    const std::size_t at = positions_[item];
    positions_[item] = kAbsent;
    if (at + 1 == entries_.size()) {
      entries_.pop_back();
      return;
    }
    entries_[at] = std::move(entries_.back());
    entries_.pop_back();
    positions_[entries_[at].item] = static_cast<std::uint32_t>(at);
    sift_down(sift_up(at));
  }

 private:
  static constexpr std::uint32_t kAbsent = 0xffff'ffff;

  std::size_t sift_up(std::size_t at) {
    while (at > 0) {
      const std::size_t parent = (at - 1) / 2;
      if (!(entries_[at].key < entries_[parent].key)) {
        break;
      }
      exchange(at, parent);
      at = parent;
    }
    return at;
  }

  void sift_down(std::size_t at) {
    while (true) {
      std::size_t least = at;
      for (std::size_t child = 2 * at + 1; child <= 2 * at + 2; ++child) {
        if (child < entries_.size() && entries_[child].key < entries_[least].key) {
          least = child;
        }
      }
      if (least == at) {
        return;
      }
      exchange(at, least);
      at = least;
    }
  }

  void exchange(std::size_t a, std::size_t b) {
    std::swap(entries_[a], entries_[b]);
    positions_[entries_[a].item] = static_cast<std::uint32_t>(a);
    positions_[entries_[b].item] = static_cast<std::uint32_t>(b);
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> positions_;
};

}  // namespace hearth::sched
