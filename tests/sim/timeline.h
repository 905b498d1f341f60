// Simulated time: actions in the order of their times. Actions of one millisecond run in an order
// drawn from the seed, so nothing may rely on it.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.h"
#include "random.h"

namespace hearth::sim {

class Timeline {
 public:
  explicit Timeline(Random random) : random_(random) {}

  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] bool empty() const { return queue_.empty(); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  void at(TimePoint when, std::function<void()> action) {
    queue_.push(Entry{when < now_ ? now_ : when, random_.next(), next_++, std::move(action)});
  }
  void after(Duration delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }

  void step() {
    std::function<void()> action = std::move(const_cast<Entry&>(queue_.top()).action);
    now_ = queue_.top().when;
    queue_.pop();
    ++steps_;
    action();
  }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t tie;
    std::uint64_t number;
    std::function<void()> action;

    friend bool operator<(const Entry& a, const Entry& b) {
      if (a.when != b.when) {
        return a.when > b.when;
      }
      return a.tie != b.tie ? a.tie > b.tie : a.number > b.number;
    }
  };

  Random random_;
  TimePoint now_ = time_from_ms(1'750'000'000'000);
  std::uint64_t next_ = 0;
  std::uint64_t steps_ = 0;
  std::priority_queue<Entry> queue_;
};

}  // namespace hearth::sim
