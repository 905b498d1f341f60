// Deadlines of thousands of connections at a coarse tick: moving one later costs nothing, arming
// one O(1), a tick looks only at the entries whose slot has come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth::net {

class TimerWheel {
 public:
  // Embedded in what has the deadline. Not movable while armed; unlinks itself when destroyed.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() { unlink(); }
    // Called by advance() when the deadline has come; the entry is no longer armed. It may arm
    // itself again.
    virtual void on_deadline() = 0;

   private:
    friend class TimerWheel;
    void unlink();
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    std::uint64_t slot_tick_ = 0;  // when the wheel looks at it next
    std::uint64_t deadline_ = 0;
  };

  TimerWheel();
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  [[nodiscard]] std::uint64_t now() const { return now_; }
  // Fires at the `ticks`-th advance from now (at least the next one); replaces an earlier arming.
  void arm(Entry& entry, std::uint64_t ticks);
  void disarm(Entry& entry);
  void advance();

 private:
  static constexpr std::size_t kSlots = 128;

  struct Head final : Entry {
    void on_deadline() override {}
  };

  void link(Entry& entry, std::uint64_t tick);

  std::uint64_t now_ = 0;
  std::array<Head, kSlots> slots_;
};

}  // namespace hearth::net
