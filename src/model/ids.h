// The ids of the domain and their text forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_id.h"
#include "base/time.h"

namespace hearth {

// 42 bits of milliseconds since 1970, 22 bits of sequence: sortable by time, unique under one
// controller epoch because the core never hands out an id at or below the last one.
using JobId = StrongId<struct JobIdTag, std::uint64_t>;
// Chosen by the operator (`--id`) or derived from the host name; [A-Za-z0-9_-]{1,64}.
using AgentId = StrongId<struct AgentIdTag, std::string>;
// The one cursor of state: dense, global, one per persisted event.
using EventSeq = StrongId<struct EventSeqTag, std::uint64_t>;

inline constexpr int kJobIdSequenceBits = 22;

// 13 characters of lower-case Crockford base 32; lexical order is id order.
std::string to_string(JobId id);
// Accepts exactly what to_string makes; anything else is nullopt (and so "not found" to a client).
std::optional<JobId> parse_job_id(std::string_view text);

// The smallest id above `last` that carries `now` or later.
JobId next_job_id(JobId last, TimePoint now);
TimePoint time_of(JobId id);

bool is_valid_name_id(std::string_view text);  // [A-Za-z0-9_-]{1,64}

// One run of one job on one agent. The epoch is the fencing token: it grows by one with every
// assignment of the job *and* whenever an attempt is declared lost, so a report that carries an
// older one is refused.
struct AttemptKey {
  JobId job;
  std::uint32_t attempt = 0;
  std::uint64_t epoch = 0;

  friend auto operator<=>(const AttemptKey&, const AttemptKey&) = default;
  friend bool operator==(const AttemptKey&, const AttemptKey&) = default;
};

}  // namespace hearth
