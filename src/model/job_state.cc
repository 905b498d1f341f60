#include "model/job_state.h"

#include <array>
#include <cstddef>

namespace hearth {
namespace {

constexpr std::array<std::string_view, kJobStateCount> kJobStates = {
    "SUBMITTED", "QUEUED", "ASSIGNED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT",
};

constexpr std::array<std::string_view, kReasonCount> kReasons = {
    "",
    "exit_nonzero",
    "signaled",
    "oom",
    "output_limit",
    "spawn_failed",
    "sandbox_error",
    "agent_lost",
    "launcher_lost",
    "infeasible",
    "dependency_failed",
    "worker_crashed",
    "timed_out",
    "queue_timeout",
    "cancel_requested",
    "drained",
    "command_not_found",
    "not_executable",
    "cwd_missing",
    "agent_restarted",
};

constexpr std::array<std::string_view, 5> kAgentStatuses = {"IDLE", "BUSY", "DRAINING",
                                                            "DISCONNECTED", "DEAD"};
constexpr std::array<std::string_view, kStreamCount> kStreams = {"stdout", "stderr", "results"};
constexpr std::array<std::string_view, 4> kEnforcements = {"none", "v1", "hybrid", "v2"};

// A value outside its enum can only come from a newer peer's message: it is shown, not trusted.
template <class Enum, std::size_t N>
std::string_view name_in(const std::array<std::string_view, N>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("unknown");
}

template <class Enum, std::size_t N>
std::optional<Enum> value_in(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) {
      return static_cast<Enum>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(JobState state) {
  return name_in(kJobStates, state);
}
std::optional<JobState> parse_job_state(std::string_view text) {
  return value_in<JobState>(kJobStates, text);
}

std::string_view to_string(Reason reason) {
  return name_in(kReasons, reason);
}
std::optional<Reason> parse_reason(std::string_view text) {
  return value_in<Reason>(kReasons, text);
}

std::string_view to_string(AgentStatus status) {
  return name_in(kAgentStatuses, status);
}

std::string_view to_string(StreamKind stream) {
  return name_in(kStreams, stream);
}
std::optional<StreamKind> parse_stream(std::string_view text) {
  return value_in<StreamKind>(kStreams, text);
}

std::string_view to_string(Enforcement enforcement) {
  return name_in(kEnforcements, enforcement);
}

}  // namespace hearth
