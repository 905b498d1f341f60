// Waiting in tests for what controller threads bring: no test ever sleeps, and none waits for ever.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "api/controller_api.h"
#include "base/mutex.h"

namespace hearth::api::testing {

inline constexpr std::chrono::seconds kPatience{20};

// A callback's value. Copies share it, so that a callback may outlive the test that asked.
template <class T>
class Answer {
 public:
  Callback<T> callback() const {
    return [state = state_](Result<T> result) {
      const MutexLock lock(state->mutex);
      state->result.emplace(std::move(result));
      ++state->calls;
      state->came.notify_all();
    };
  }

  // DeadlineExceeded when none came.
  Result<T> wait() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const MutexLock lock(state_->mutex);
    while (!state_->result && std::chrono::steady_clock::now() < deadline) {
      state_->came.wait_until(state_->mutex, deadline);
    }
    if (!state_->result) {
      return Error{.code = ErrorCode::DeadlineExceeded, .message = "no answer came"};
    }
    return *state_->result;
  }

  [[nodiscard]] int calls() const {
    const MutexLock lock(state_->mutex);
    return state_->calls;
  }

 private:
  struct State {
    Mutex mutex;
    Condition came;
    std::optional<Result<T>> result HEARTH_GUARDED_BY(mutex);
    int calls HEARTH_GUARDED_BY(mutex) = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// For what nothing tells of: asks again and again, letting other threads run.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  Mutex mutex;
  Condition never;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    const MutexLock lock(mutex);
    never.wait_for(mutex, std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace hearth::api::testing
