// The mutable truth of one job and of its attempts: what a store row holds and a client is shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/job_spec.h"
#include "model/job_state.h"
#include "model/resources.h"

namespace hearth {

// What an agent reports about a finished attempt. Exactly one of exit_code and signal is set when
// the process ran; neither when it never started.
struct AttemptResult {
  JobState state = JobState::Failed;  // Completed, Failed, Cancelled or TimedOut
  Reason reason = Reason::None;
  std::string message;
  std::optional<std::int32_t> exit_code;
  std::optional<std::int32_t> signal;
  std::int64_t wall_ms = 0;  // by the agent's monotonic clock
  std::int64_t cpu_ms = 0;
  std::int64_t memory_peak_bytes = 0;
  std::int64_t stdout_bytes = 0;  // final offsets: bytes written by the job, kept or not
  std::int64_t stderr_bytes = 0;
  std::int64_t results_bytes = 0;
  bool truncated = false;

  friend bool operator==(const AttemptResult&, const AttemptResult&) = default;
};

// The final offset of one stream, in an AttemptResult or whatever else names all three.
template <class Sizes>
constexpr auto& bytes_of(Sizes& sizes, StreamKind stream) {
  switch (stream) {
    case StreamKind::Stdout:
      return sizes.stdout_bytes;
    case StreamKind::Stderr:
      return sizes.stderr_bytes;
    case StreamKind::Results:
      break;
  }
  return sizes.results_bytes;
}

// One row of a job's history.
struct Attempt {
  std::uint32_t number = 0;
  AgentId agent;
  std::uint64_t epoch = 0;
  JobState state = JobState::Assigned;
  TimePoint assigned_at{};
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> ended_at;
  AttemptResult result;  // meaningful once ended_at is set
};

// `epoch` is that of the current or latest attempt; `attempt` counts from 1, 0 before the first.
struct JobRecord {
  JobId id;
  JobState state = JobState::Submitted;
  Reason reason = Reason::None;
  std::string message;
  std::optional<std::int32_t> exit_code;
  std::optional<std::int32_t> signal;
  std::uint32_t attempt = 0;
  std::uint32_t failures = 0;  // ended attempts counted against maxRetries
  std::uint32_t losses = 0;    // ended attempts counted against maxLost
  std::uint64_t epoch = 0;
  AgentId agent;  // of the current or latest attempt
  TimePoint created_at{};
  std::optional<TimePoint> queued_at;
  std::optional<TimePoint> assigned_at;
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> completed_at;
  std::optional<TimePoint> cancel_requested_at;
  std::optional<TimePoint> eligible_at;  // open back-off or notBefore while Submitted
  std::int32_t progress_percent = -1;    // -1: none reported
  std::string progress_text;
  bool has_callback = false;  // somebody is told of the end (JobSpec::callback_url)

  friend bool operator==(const JobRecord&, const JobRecord&) = default;
};

// A whole job as a client is shown it.
struct JobView {
  JobRecord record;
  JobSpec spec;  // without secrets
  std::vector<Attempt> attempts;
};

enum class JobEventKind : std::uint8_t {
  Submitted,
  Queued,
  Assigned,
  Started,
  Requeued,  // an attempt ended or was lost, and another follows
  CancelRequested,
  Progress,
  Ended,
};
std::string_view to_string(JobEventKind kind);

// One persisted entry of a job's event log. It carries the record as it was after the event,
// without what never changes, so a reader that resumes sees each transition as it happened.
struct JobEvent {
  EventSeq seq;
  TimePoint at{};
  JobEventKind kind = JobEventKind::Submitted;
  JobRecord after;
};

}  // namespace hearth
