// Job states, end reasons and their one spelling on every wire.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth {

// SUBMITTED: accepted, not yet eligible (a dependency, notBefore or a back-off is open).
// QUEUED: eligible, waits for capacity or a group slot. The last four are final.
enum class JobState : std::uint8_t {
  Submitted = 0,
  Queued = 1,
  Assigned = 2,
  Running = 3,
  Completed = 4,
  Failed = 5,
  Cancelled = 6,
  TimedOut = 7,
};

inline constexpr int kJobStateCount = 8;

constexpr bool is_final(JobState state) {
  return state >= JobState::Completed;
}

std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view text);

// Why a job or an attempt ended as it did; None while it has not or when it COMPLETED.
enum class Reason : std::uint8_t {
  None = 0,
  ExitNonzero = 1,
  Signaled = 2,
  Oom = 3,
  OutputLimit = 4,
  SpawnFailed = 5,
  SandboxError = 6,
  AgentLost = 7,
  LauncherLost = 8,
  Infeasible = 9,
  DependencyFailed = 10,
  WorkerCrashed = 11,
  TimedOut = 12,      // the attempt ran past timeoutMs
  QueueTimeout = 13,  // waited longer than maxQueueMs
  CancelRequested = 14,
  Drained = 15,          // evicted by an agent's drain deadline
  CommandNotFound = 16,  // exec: ENOENT; the command line exits 127
  NotExecutable = 17,    // exec: EACCES or ENOEXEC; the command line exits 126
  CwdMissing = 18,
  AgentRestarted = 19,
};

inline constexpr int kReasonCount = 20;

std::string_view to_string(Reason reason);  // lower snake case, "" for None
std::optional<Reason> parse_reason(std::string_view text);

// True for an end that is nobody's fault but the fleet's: counted against maxLost, not maxRetries.
constexpr bool is_loss(Reason reason) {
  return reason == Reason::AgentLost || reason == Reason::LauncherLost ||
         reason == Reason::Drained || reason == Reason::AgentRestarted;
}

enum class AgentStatus : std::uint8_t { Idle, Busy, Draining, Disconnected, Dead };
std::string_view to_string(AgentStatus status);

// Results: a tar of the files that a job was asked to leave (ExecutionSpec::results).
enum class StreamKind : std::uint8_t { Stdout = 0, Stderr = 1, Results = 2 };
inline constexpr int kStreamCount = 3;
inline constexpr std::array kStreamKinds = {StreamKind::Stdout, StreamKind::Stderr,
                                            StreamKind::Results};
static_assert(kStreamKinds.size() == kStreamCount);
std::string_view to_string(StreamKind stream);
std::optional<StreamKind> parse_stream(std::string_view text);

// What the kernel really enforces on an agent.
enum class Enforcement : std::uint8_t { None, V1, Hybrid, V2 };
std::string_view to_string(Enforcement enforcement);

}  // namespace hearth
