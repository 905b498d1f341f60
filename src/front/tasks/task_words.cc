#include "front/tasks/task_words.h"

#include "base/limits.h"

namespace hearth::tasks {

namespace {

// Seconds, as `timeout` is given: 5, 0.25.
std::string seconds_text(Duration duration) {
  constexpr std::int64_t kMsPerSecond = 1'000;
  std::string text = std::to_string(duration.count() / kMsPerSecond);
  if (const std::int64_t ms = duration.count() % kMsPerSecond; ms != 0) {
    text += "." + std::to_string(kMsPerSecond + ms).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

std::string timed_out(const ExecutionSpec& spec) {
  return "The task ran past its timeout of " + seconds_text(spec.timeout) +
         " s and was stopped; if it needs longer, submit it with a larger timeout.";
}

std::string out_of_memory(const SchedulingSpec& spec) {
  return "The task reached its memory limit of " +
         std::to_string(spec.request.memory_bytes / limits::kMiB) +
         " MiB, so it was ended; use less, or submit it as a job (POST /v1/jobs), which may have "
         "more.";
}

std::string_view fate_of_worker(Reason reason) {
  switch (reason) {
    case Reason::AgentRestarted:
      return "was restarted";
    case Reason::Drained:
      return "was shut down";
    case Reason::LauncherLost:
      return "lost sight of it";
    default:
      return "was lost";
  }
}

// So many losses end it that are more than it may have.
std::string lost(const JobView& job) {
  const std::string worker = job.attempts.empty() ? "" : job.attempts.back().agent.value() + " ";
  const std::int64_t losses = job.spec.scheduling.max_lost + 1;
  return "Worker " + worker + std::string(fate_of_worker(job.record.reason)) +
         " while it had the task, which is not run again after " + std::to_string(losses) +
         (losses == 1 ? " such loss" : " such losses") +
         "; look at the workers, then submit it again.";
}

}  // namespace

Error in_words_of_tasks(Error error) {
  if (error.field == "script.language") {
    error.field = "language";
    error.code = ErrorCode::InvalidArgument;
    error.kind = "invalid_field";
  } else if (error.kind == "sandbox_unavailable") {
    error.field.clear();
    error.message =
        "Every task runs in a sandbox, and no registered agent offers one; the log of an agent "
        "says why it does not.";
  }
  return error;
}

std::string failure_of(const JobView& job) {
  const JobRecord& record = job.record;
  if (!is_final(record.state) || record.state == JobState::Completed) {
    return "";
  }
  if (is_loss(record.reason)) {
    return lost(job);
  }
  switch (record.reason) {
    case Reason::TimedOut:
      return timed_out(job.spec.execution);
    case Reason::Oom:
      return out_of_memory(job.spec.scheduling);
    default:
      return record.message;
  }
}

}  // namespace hearth::tasks
