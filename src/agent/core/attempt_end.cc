#include "agent/core/attempt_end.h"

#include <array>
#include <utility>

#include "base/limits.h"
#include "base/text.h"

namespace hearth::agent {
namespace {

std::string number(std::int64_t value) {
  return std::to_string(value);
}

std::string signal_name(std::int32_t signal) {
  constexpr std::array<std::pair<std::int32_t, const char*>, 12> kNames{{{1, "SIGHUP"},
                                                                         {2, "SIGINT"},
                                                                         {3, "SIGQUIT"},
                                                                         {4, "SIGILL"},
                                                                         {6, "SIGABRT"},
                                                                         {7, "SIGBUS"},
                                                                         {8, "SIGFPE"},
                                                                         {9, "SIGKILL"},
                                                                         {11, "SIGSEGV"},
                                                                         {13, "SIGPIPE"},
                                                                         {15, "SIGTERM"},
                                                                         {31, "SIGSYS"}}};
  for (const auto& [value, name] : kNames) {
    if (value == signal) {
      return number(signal) + " (" + name + ")";
    }
  }
  return number(signal);
}

void set_end(AttemptResult& result, JobState state, Reason reason, std::string message) {
  result.state = state;
  result.reason = reason;
  result.message = std::move(message);
}

void set_cancelled(AttemptResult& result) {
  set_end(result, JobState::Cancelled, Reason::CancelRequested,
          "The job was cancelled on request; every process of it has been ended.");
}

void set_timed_out(AttemptResult& result, const EndCauses& causes) {
  set_end(result, JobState::TimedOut, Reason::TimedOut,
          "The attempt ran past its time limit of " + number(causes.timeout.count()) +
              " ms and was stopped; if it needs longer, submit it with a larger timeoutMs.");
}

void set_drained(AttemptResult& result, const EndCauses& causes) {
  set_end(result, JobState::Failed, Reason::Drained,
          "The agent is shutting down and the attempt did not end within its drain deadline of " +
              number(causes.drain_deadline.count()) +
              " ms, so it was stopped; it runs again elsewhere while maxLost allows.");
}

// Rows 7 to 9.
void set_from_status(AttemptResult& result, const ProcessEnded& ended) {
  if (ended.exit_code == 0) {
    set_end(result, JobState::Completed, Reason::None, "");
  } else if (ended.exit_code.has_value()) {
    set_end(result, JobState::Failed, Reason::ExitNonzero,
            "The program ended with exit code " + number(*ended.exit_code) +
                "; what it wrote to stderr may say why.");
  } else if (ended.signal.has_value()) {
    set_end(result, JobState::Failed, Reason::Signaled,
            "The program was ended by signal " + signal_name(*ended.signal) +
                ", which Hearth did not send; what it wrote to stderr may say why.");
  } else {
    set_end(result, JobState::Failed, Reason::LauncherLost,
            "How the program ended is not known, because the agent lost sight of it; it runs "
            "again while maxLost allows.");
  }
}

}  // namespace

AttemptResult result_of_end(const ProcessEnded& ended, const EndCauses& causes) {
  AttemptResult result;
  result.exit_code = ended.exit_code;
  result.signal = ended.signal;
  result.wall_ms = ended.wall_ms;
  result.cpu_ms = ended.cpu_ms;
  result.memory_peak_bytes = ended.memory_peak_bytes;
  for (const StreamKind stream : kStreamKinds) {
    bytes_of(result, stream) = bytes_of(ended, stream);
  }
  result.truncated = ended.truncated;
  if (causes.cancelled) {
    set_cancelled(result);
  } else if (ended.oom_killed) {
    set_end(result, JobState::Failed, Reason::Oom,
            "The job reached its memory limit and the kernel killed a process of it (peak " +
                number(ended.memory_peak_bytes / limits::kMiB) +
                " MiB), so the whole job was ended; submit it with a larger requiredRamMb.");
  } else if (causes.timed_out) {
    set_timed_out(result, causes);
  } else if (causes.output_limit) {
    set_end(result, JobState::Failed, Reason::OutputLimit,
            "The job wrote more than " + number(limits::kOutputBytesMax) +
                " bytes to one stream and was killed, as onOutputLimit \"kill\" asks; write less "
                "or choose \"truncate\".");
  } else if (ended.launcher_lost) {
    set_end(result, JobState::Failed, Reason::LauncherLost,
            "The agent's launcher process ended unexpectedly, so the job's processes were killed; "
            "it runs again while maxLost allows.");
  } else if (causes.drained && !ended.exit_code.has_value()) {
    set_drained(result, causes);
  } else {
    set_from_status(result, ended);
  }
  return result;
}

AttemptResult result_of_spawn_failure(const SpawnFailed& failed, const EndCauses& causes) {
  AttemptResult result;
  if (causes.cancelled) {
    set_cancelled(result);
  } else if (causes.drained) {
    set_drained(result, causes);
  } else {
    // It may quote a command, which is as long as its user likes.
    set_end(result, JobState::Failed, failed.reason,
            cut_middle(failed.message, static_cast<std::size_t>(limits::kEndMessageBytesMax)));
  }
  return result;
}

AttemptResult result_of_no_start(const EndCauses& causes) {
  AttemptResult result;
  if (causes.cancelled) {
    set_cancelled(result);
  } else {
    set_drained(result, causes);
  }
  return result;
}

}  // namespace hearth::agent
