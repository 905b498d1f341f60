// A Poster whose answers the test gives. Thread-safe.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "callbacks/poster.h"

namespace hearth::callbacks::testing {

class FakePoster final : public Poster {
 public:
  void post(CallbackPost post, std::function<void(PostOutcome)> done) override {
    const MutexLock lock(mutex_);
    posts_.push_back(std::move(post));
    waiting_.push_back(std::move(done));
  }
  void stop() override {
    const MutexLock lock(mutex_);
    waiting_.clear();
  }

  // All that were posted, in order.
  [[nodiscard]] std::vector<CallbackPost> posts() {
    const MutexLock lock(mutex_);
    return posts_;
  }
  [[nodiscard]] std::size_t waiting() {
    const MutexLock lock(mutex_);
    return waiting_.size();
  }
  // Answers the first that waits.
  void answer(PostOutcome outcome) {
    std::function<void(PostOutcome)> done;
    {
      const MutexLock lock(mutex_);
      done = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    done(std::move(outcome));
  }

 private:
  Mutex mutex_;
  std::vector<CallbackPost> posts_ HEARTH_GUARDED_BY(mutex_);
  std::vector<std::function<void(PostOutcome)>> waiting_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::callbacks::testing
