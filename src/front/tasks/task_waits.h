// Who waits for the end of which tasks.
//
// Decides when a wait is over: when all its tasks have ended, when its time is up, or when the
// server stops. What then happens is a callback, called once and without the lock. Time is counted
// in ticks of the HTTP server, so no thread waits with anybody and tests decide what time it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/ids.h"

namespace hearth::tasks {

// Thread-safe.
class TaskWaits {
 public:
  using Done = std::function<void()>;

  explicit TaskWaits(std::int64_t waits_max) : waits_max_(waits_max) {}

  // Places for one more wait for so many tasks, until the last copy goes: to be had before anything
  // is promised.
  Result<std::shared_ptr<void>> reserve(std::size_t tasks);

  // Ends as soon as none of `jobs` is left, at the latest after `ticks` of them. `done` keeps what
  // reserve() gave.
  void add(const std::vector<JobId>& jobs, std::uint64_t ticks, Done done);
  // May be told of a task more than once, and of those that nobody waits for.
  void ended(const std::vector<JobId>& jobs);
  void tick();
  // Ends all waits, and those to come at once.
  void stop();

  [[nodiscard]] std::int64_t waiting() const;

 private:
  using Id = std::uint64_t;
  struct Wait {
    std::set<JobId> left;
    std::uint64_t last_tick = 0;
    Done done;
  };

  // Takes it out; its callback goes to `over`.
  void finish(Id id, std::vector<Done>& over) HEARTH_REQUIRES(mutex_);

  const std::int64_t waits_max_;  // of tasks, each as often as it is waited for
  mutable Mutex mutex_;
  std::int64_t reserved_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool stopped_ HEARTH_GUARDED_BY(mutex_) = false;
  std::uint64_t now_ HEARTH_GUARDED_BY(mutex_) = 0;
  Id last_id_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::map<Id, Wait> waits_ HEARTH_GUARDED_BY(mutex_);
  std::unordered_multimap<JobId, Id> by_job_ HEARTH_GUARDED_BY(mutex_);
  std::set<std::pair<std::uint64_t, Id>> by_tick_ HEARTH_GUARDED_BY(mutex_);
};

}  // namespace hearth::tasks
