// What of the past goes now, given what there is of it: by age and by amount, the oldest first, in
// one small step. Pure; api/retention.h looks, asks this and acts.
#pragma once

#include <cstdint>

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

// Of `past.jobs` and `past.oldest_events` the first so many. No job goes sooner than
// kFinishedKeptMin after its end, whatever the limits say: who waits for it must still find it.
Removal decide_removal(const RetentionLimits& limits, const Past& past, TimePoint now);

}  // namespace hearth::core
