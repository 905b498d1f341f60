// One timer of a loop that is set again and again, and cancelled with its owner.
#pragma once

#include <optional>
#include <utility>

#include "agent/loop/event_loop.h"

namespace hearth::agent {

class LoopTimer {
 public:
  // `loop` outlives it.
  explicit LoopTimer(EventLoop& loop) : loop_(loop) {}
  ~LoopTimer() { cancel(); }
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  // In the place of what was set before.
  void set(Duration after, Task task) {
    cancel();
    id_ = loop_.set_timer(after, [this, task = std::move(task)] {
      id_.reset();
      task();
    });
  }
  void cancel() {
    if (id_) {
      loop_.cancel_timer(*id_);
      id_.reset();
    }
  }

 private:
  EventLoop& loop_;
  std::optional<TimerId> id_;
};

}  // namespace hearth::agent
