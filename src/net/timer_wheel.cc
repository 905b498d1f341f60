#include "net/timer_wheel.h"

#include <algorithm>

namespace hearth::net {

void TimerWheel::Entry::unlink() {
  if (next_ == nullptr) {
    return;
  }
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

TimerWheel::TimerWheel() {
  for (Head& head : slots_) {
    head.previous_ = head.next_ = &head;
  }
}

TimerWheel::~TimerWheel() {
  for (Head& head : slots_) {
    while (head.next_ != &head) {
      head.next_->unlink();
    }
  }
}

void TimerWheel::link(Entry& entry, std::uint64_t tick) {
  Head& head = slots_.at(tick % kSlots);
  entry.slot_tick_ = tick;
  entry.previous_ = head.previous_;
  entry.next_ = &head;
  head.previous_->next_ = &entry;
  head.previous_ = &entry;
}

void TimerWheel::arm(Entry& entry, std::uint64_t ticks) {
  entry.deadline_ = now_ + std::max<std::uint64_t>(ticks, 1);
  if (entry.next_ != nullptr && entry.slot_tick_ <= entry.deadline_) {
    return;  // looked at early enough; advance() moves it on then
  }
  entry.unlink();
  link(entry, std::min<std::uint64_t>(entry.deadline_, now_ + kSlots - 1));
}

void TimerWheel::disarm(Entry& entry) {
  entry.unlink();
}

void TimerWheel::advance() {
  ++now_;
  // Entries move to a list of their own first: on_deadline may arm, disarm or destroy any of them.
  Head due;
  due.previous_ = due.next_ = &due;
  Head& head = slots_.at(now_ % kSlots);
  if (head.next_ != &head) {
    due.next_ = head.next_;
    due.previous_ = head.previous_;
    due.next_->previous_ = &due;
    due.previous_->next_ = &due;
    head.previous_ = head.next_ = &head;
  }
  while (due.next_ != &due) {
    Entry& entry = *due.next_;
    entry.unlink();
    if (entry.deadline_ <= now_) {
      entry.on_deadline();
    } else {
      link(entry, std::min<std::uint64_t>(entry.deadline_, now_ + kSlots - 1));
    }
  }
}

}  // namespace hearth::net
