// What of a job's spec decides about its ends; equal for most jobs and so kept once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "model/job.h"
#include "model/job_spec.h"

namespace hearth::core {

struct RetryPolicy {
  std::int64_t max_retries = 0;
  std::int64_t max_lost = 0;
  std::int64_t group_limit = 0;
  std::optional<Duration> max_queue;
  Backoff backoff;
  RetryOn retry_on;
};

RetryPolicy retry_policy_of(const SchedulingSpec& spec);

// Whether an end of the job's own making (not a loss) is of a kind its owner wants retried. Empty
// lists name every FAILED end. TIMED_OUT is retried only if the reasons name timed_out: a job that
// ran into its limit once usually does so again.
bool is_retried_on(const RetryOn& retry_on, const AttemptResult& result);

// The wait before the attempt that follows the `failures`-th failure (from 1).
Duration backoff_after(const Backoff& backoff, std::uint32_t failures);

// Interned policies, counted by their users.
class PolicyTable {
 public:
  std::uint32_t acquire(const RetryPolicy& policy);
  void release(std::uint32_t id);
  [[nodiscard]] const RetryPolicy& at(std::uint32_t id) const { return entries_[id].at->first; }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }

 private:
  struct Less {
    bool operator()(const RetryPolicy& a, const RetryPolicy& b) const;
  };
  using Ids = std::map<RetryPolicy, std::uint32_t, Less>;
  struct Entry {
    Ids::iterator at;
    std::size_t users = 0;
  };

  Ids ids_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> unused_;
};

}  // namespace hearth::core
