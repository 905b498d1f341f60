#include "core/retention.h"

#include <algorithm>
#include <vector>

namespace hearth::core {
namespace {

// Free pages are what the next jobs are written to; only what is far beyond that goes back.
std::int64_t pages_to_give_back(const Past& past) {
  const std::int64_t kept = std::max(limits::kFreePagesKeptMin, past.pages / 4);
  return std::clamp<std::int64_t>(past.free_pages - kept, 0, limits::kRetentionStepPages);
}

// Their order is known better than their times: nothing ended later than what ended after it.
template <class Item>
std::vector<TimePoint> latest_times(const std::vector<Item>& items, TimePoint Item::*time) {
  std::vector<TimePoint> times(items.size());
  TimePoint latest = TimePoint::max();
  for (std::size_t i = items.size(); i > 0; --i) {
    latest = std::min(latest, items[i - 1].*time);
    times[i - 1] = latest;
  }
  return times;
}

// By its own time too: that of what ended after it may be of a clock that was set back a little.
bool is_new(Duration age) {
  return age > -limits::kFinishedKeptMin && age < limits::kFinishedKeptMin;
}

}  // namespace

TimePoint RetentionClock::read(TimePoint wall, std::int64_t monotonic_ns,
                               std::optional<TimePoint> newest) {
  if (!believed_) {
    believed_ = std::min(wall, newest.value_or(wall));
  } else {
    const std::chrono::nanoseconds passed(std::max<std::int64_t>(monotonic_ns - read_at_ns_, 0));
    const auto followed = std::chrono::floor<Duration>(passed * limits::kRetentionHaste);
    believed_ = std::min(wall, *believed_ + followed);
  }
  read_at_ns_ = monotonic_ns;
  return *believed_;
}

Removal decide_removal(const RetentionLimits& limits, const Past& past, TimePoint now) {
  Removal removal;
  std::int64_t jobs_left = past.finished_jobs;
  std::int64_t bytes_left = past.output_bytes;
  const std::vector<TimePoint> ends = latest_times(past.jobs, &FinishedJob::ended_at);
  for (std::size_t i = 0; i < past.jobs.size(); ++i) {
    const FinishedJob& job = past.jobs[i];
    const Duration age = now - ends[i];
    const bool is_due =
        age >= limits.age || jobs_left > limits.jobs || bytes_left > limits.output_bytes;
    if (!is_due || is_new(age) || is_new(now - job.ended_at)) {
      break;
    }
    removal.jobs.push_back(job);
    --jobs_left;
    bytes_left -= job.output_bytes;
  }
  std::int64_t events_left = past.events;
  const std::vector<TimePoint> event_times = latest_times(past.oldest_events, &PastEvent::at);
  for (std::size_t i = 0; i < past.oldest_events.size(); ++i) {
    if (now - event_times[i] < limits.events_age && events_left <= limits.events) {
      break;
    }
    removal.events_through = past.oldest_events[i].seq;
    --events_left;
  }
  removal.give_back_pages = pages_to_give_back(past);
  return removal;
}

}  // namespace hearth::core
