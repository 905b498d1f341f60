// Tells readers whether what they remember of a job still holds. Thread-safe, without locks.
//
// Jobs share counters by the low bits of their id, so that the memory is bounded: a change of one
// job may also outdate what is remembered of another, never the other way round.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/read_limits.h"
#include "model/change_set.h"
#include "model/ids.h"

namespace hearth::api {

class JobVersions {
 public:
  // Read it before the job: what was read then holds as long as this stays the same.
  [[nodiscard]] std::uint64_t of(JobId job) const { return counters_.at(index_of(job)).load(); }

  // After the change is durable and before anybody is told of it.
  void changed(JobId job) { counters_.at(index_of(job)).fetch_add(1); }
  void changed(const ChangeSet& changes) {
    for (const JobEvent& event : changes.events) {
      changed(event.after.id);
    }
    for (const AttemptChange& attempt : changes.attempts) {
      changed(attempt.job);
    }
  }

 private:
  static constexpr auto kCounters = static_cast<std::size_t>(limits::kJobVersionCounters);
  static_assert((kCounters & (kCounters - 1)) == 0, "an id's low bits are its counter");
  static std::size_t index_of(JobId job) { return job.value() & (kCounters - 1); }

  std::array<std::atomic<std::uint64_t>, kCounters> counters_{};
};

}  // namespace hearth::api
