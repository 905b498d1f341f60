// What of the past goes now, given what there is of it: by age and by amount, the oldest first, in
// one small step. Pure; api/retention.h looks, asks this and acts.
#pragma once

#include <cstdint>
#include <optional>

#include "base/limits.h"
#include "base/time.h"
#include "model/retention.h"

namespace hearth::core {

struct RetentionLimits {
  Duration age = limits::kFinishedKeptFor;
  std::int64_t jobs = limits::kFinishedJobsMax;
  std::int64_t output_bytes = limits::kFinishedOutputBytesMax;
  Duration events_age = limits::kEventsKeptFor;
  std::int64_t events = limits::kEventsKeptMax;
};

// How late it is for what is kept: a wall clock that was set wrong must not make everything look
// old, since what goes never comes back. So it is followed at once to where it is earlier, but to
// where it is later only at kRetentionHaste times the pace at which time passes on the monotonic
// clock, beginning with the newest time that is stored (Past::newest_at).
class RetentionClock {
 public:
  TimePoint read(TimePoint wall, std::int64_t monotonic_ns, std::optional<TimePoint> newest);

 private:
  std::optional<TimePoint> believed_;
  std::int64_t read_at_ns_ = 0;
};

// Of `past.jobs` and `past.oldest_events` the first so many. No job goes sooner than
// kFinishedKeptMin after its end, whatever the limits say: who waits for it must still find it. Of
// what ended more than that later than `now`, by a clock that was set back since, no age is known:
// it goes only for the amounts.
Removal decide_removal(const RetentionLimits& limits, const Past& past, TimePoint now);

}  // namespace hearth::core
