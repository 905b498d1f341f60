#include "core/retention.h"

#include <algorithm>

namespace hearth::core {
namespace {

// Free pages are what the next jobs are written to; only what is far beyond that goes back.
std::int64_t pages_to_give_back(const Past& past) {
  const std::int64_t kept = std::max(limits::kFreePagesKeptMin, past.pages / 4);
  return std::clamp<std::int64_t>(past.free_pages - kept, 0, limits::kRetentionStepPages);
}

}  // namespace

Removal decide_removal(const RetentionLimits& limits, const Past& past, TimePoint now) {
  Removal removal;
  std::int64_t jobs_left = past.finished_jobs;
  std::int64_t bytes_left = past.output_bytes;
  for (const FinishedJob& job : past.jobs) {
    const Duration age = now - job.ended_at;
    const bool is_due =
        age >= limits.age || jobs_left > limits.jobs || bytes_left > limits.output_bytes;
    if (!is_due || age < limits::kFinishedKeptMin) {
      break;
    }
    removal.jobs.push_back(job);
    --jobs_left;
    bytes_left -= job.output_bytes;
  }
  std::int64_t events_left = past.events;
  for (const PastEvent& event : past.oldest_events) {
    if (now - event.at < limits.events_age && events_left <= limits.events) {
      break;
    }
    removal.events_through = event.seq;
    --events_left;
  }
  removal.give_back_pages = pages_to_give_back(past);
  return removal;
}

}  // namespace hearth::core
