// A Store that can be held in the middle of an append, so that a test decides what comes while a
// commit is under way. Thread-safe.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "api/testing/answer.h"
#include "base/mutex.h"
#include "store/store.h"

namespace hearth::api::testing {

class GatedStore final : public store::Store {
 public:
  explicit GatedStore(std::unique_ptr<store::Store> store) : store_(std::move(store)) {}

  // The next appends wait, before they do anything, until let_go().
  void hold() {
    const MutexLock lock(mutex_);
    held_ = true;
  }
  // They wait when they are durable, before anybody is told.
  void hold_when_durable() {
    const MutexLock lock(mutex_);
    held_when_durable_ = true;
  }
  void let_go() {
    const MutexLock lock(mutex_);
    held_ = false;
    held_when_durable_ = false;
    changed_.notify_all();
  }
  bool wait_until_appending() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const MutexLock lock(mutex_);
    while (!appending_ && std::chrono::steady_clock::now() < deadline) {
      changed_.wait_until(mutex_, deadline);
    }
    return appending_;
  }
  // How many jobs each append brought, retries too.
  std::vector<std::size_t> new_jobs_by_append() {
    const MutexLock lock(mutex_);
    return new_jobs_;
  }

  Result<store::Recovery> recover() override { return store_->recover(); }
  [[nodiscard]] store::StoreStats stats() const override { return store_->stats(); }
  store::AppendOutcome append(const std::vector<const ChangeSet*>& changes) override {
    {
      const MutexLock lock(mutex_);
      std::size_t count = 0;
      for (const ChangeSet* change : changes) {
        count += change->new_jobs.size();
      }
      new_jobs_.push_back(count);
      appending_ = true;
      changed_.notify_all();
      while (held_) {
        changed_.wait(mutex_);
      }
    }
    store::AppendOutcome outcome = store_->append(changes);
    const MutexLock lock(mutex_);
    while (held_when_durable_) {
      changed_.wait(mutex_);
    }
    appending_ = false;
    return outcome;
  }
  store::RemoveOutcome remove(const Removal& removal) override { return store_->remove(removal); }
  Result<std::unique_ptr<store::Reader>> reader() override { return store_->reader(); }
  Result<std::unique_ptr<store::TokenStore>> tokens() override { return store_->tokens(); }

 private:
  const std::unique_ptr<store::Store> store_;
  Mutex mutex_;
  Condition changed_;
  bool held_ HEARTH_GUARDED_BY(mutex_) = false;
  bool held_when_durable_ HEARTH_GUARDED_BY(mutex_) = false;
  bool appending_ HEARTH_GUARDED_BY(mutex_) = false;
  std::vector<std::size_t> new_jobs_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::api::testing
