// The way into a thread: many producers hand over values, one consumer takes all that arrived.
//
// Bounded: a full mailbox refuses at once, and the caller turns that into queue_full; nobody ever
// blocks on it and memory never grows past `capacity` plus the headroom that a producer whose
// values must not be lost may ask for (its own number is bounded elsewhere).
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace hearth {

template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // False when full or closed; `value` is then untouched.
  [[nodiscard]] bool try_push(T&& value, std::size_t headroom = 0) {
    bool wakes = false;
    {
      const MutexLock lock(mutex_);
      if (closed_ || values_.size() >= capacity_ + headroom) {
        return false;
      }
      values_.push_back(std::move(value));
      wakes = waiting_;
    }
    if (wakes) {
      wake_.notify_one();  // without the lock, which the woken thread wants at once
    }
    return true;
  }

  // Takes at most `max` values in the order they came; waits until there is one, wake() was called,
  // the mailbox is closed, or `timeout` is over. May come back empty early.
  std::vector<T> pop_all(std::size_t max, std::chrono::milliseconds timeout) {
    const MutexLock lock(mutex_);
    if (values_.empty()) {
      wait_locked(timeout);
    }
    woken_ = false;
    const std::size_t count = values_.size() < max ? values_.size() : max;
    const auto end = values_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<T> taken(std::make_move_iterator(values_.begin()), std::make_move_iterator(end));
    values_.erase(values_.begin(), end);
    return taken;
  }

  // As pop_all waits, but takes nothing and does not mind the values that are there.
  void wait_woken(std::chrono::milliseconds timeout) {
    const MutexLock lock(mutex_);
    wait_locked(timeout);
    woken_ = false;
  }

  // Takes those that `predicate` picks and leaves the others in order.
  template <class Predicate>
  std::vector<T> extract_if(Predicate predicate) {
    const MutexLock lock(mutex_);
    std::vector<T> taken;
    std::deque<T> kept;
    for (T& value : values_) {
      if (predicate(value)) {
        taken.push_back(std::move(value));
      } else {
        kept.push_back(std::move(value));
      }
    }
    values_.swap(kept);
    return taken;
  }

  // Ends the consumer's current or next wait without a value.
  void wake() {
    const MutexLock lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  }

  // Refuses values from now on; what is inside can still be taken.
  void close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    wake_.notify_one();
  }

  [[nodiscard]] std::size_t size() {
    const MutexLock lock(mutex_);
    return values_.size();
  }

 private:
  void wait_locked(std::chrono::milliseconds timeout) HEARTH_REQUIRES(mutex_) {
    if (!woken_ && !closed_ && timeout.count() > 0) {
      waiting_ = true;
      wake_.wait_for(mutex_, timeout);
      waiting_ = false;
    }
  }

  const std::size_t capacity_;
  Mutex mutex_;
  Condition wake_;
  std::deque<T> values_ HEARTH_GUARDED_BY(mutex_);
  bool waiting_ HEARTH_GUARDED_BY(mutex_) = false;
  bool woken_ HEARTH_GUARDED_BY(mutex_) = false;
  bool closed_ HEARTH_GUARDED_BY(mutex_) = false;
};

}  // namespace hearth
