// What of the past a store still has, and what of it is to go: values that pass between the
// decision (core/retention.h) and the stores.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "model/job.h"

namespace hearth {

// The end of a job; `seq` is that of the event.
struct FinishedJob {
  EventSeq seq;
  JobId id;
  TimePoint ended_at{};
  std::int64_t output_bytes = 0;

  friend bool operator==(const FinishedJob&, const FinishedJob&) = default;
};

struct PastEvent {
  EventSeq seq;
  TimePoint at{};
};

// The lists are the beginnings of what there is, first to end first.
struct Past {
  std::int64_t finished_jobs = 0;
  std::int64_t output_bytes = 0;  // of all finished jobs
  std::vector<FinishedJob> jobs;
  std::int64_t events = 0;
  std::vector<PastEvent> oldest_events;
  // When the newest event was or, where none is kept any more, the newest end.
  std::optional<TimePoint> newest_at;
  // Of the database's file, 0 where that means nothing.
  std::int64_t pages = 0;
  std::int64_t free_pages = 0;
};

struct Removal {
  std::vector<FinishedJob> jobs;
  EventSeq events_through;            // this one and all before it; 0: none
  std::vector<JobId> callbacks = {};  // that are owed no more; their jobs stay
  std::int64_t give_back_pages = 0;   // from the database's file to its file system

  [[nodiscard]] bool empty() const {
    return jobs.empty() && events_through.empty() && callbacks.empty() && give_back_pages == 0;
  }
};

// What is kept at most of what the attempt wrote.
inline std::int64_t kept_output_bytes(const Attempt& attempt) {
  std::int64_t bytes = 0;
  for (const StreamKind stream : kStreamKinds) {
    bytes += std::clamp<std::int64_t>(bytes_of(attempt.result, stream), 0, limits::kOutputBytesMax);
  }
  return bytes;
}

}  // namespace hearth
