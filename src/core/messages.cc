#include "core/messages.h"

#include <string_view>

namespace hearth::core {
namespace {

std::string agent_text(const AgentId& agent) {
  return "agent " + agent.value();
}

}  // namespace

std::string duration_text(Duration duration) {
  const auto ms = duration.count();
  constexpr std::int64_t kSecond = 1'000;
  if (ms % kSecond == 0) {
    return std::to_string(ms / kSecond) + " s";
  }
  return std::to_string(ms) + " ms";
}

std::string queue_timeout_message(Duration max_queue) {
  return "The job waited in the queue longer than its maxQueueMs of " + duration_text(max_queue) +
         "; submit it again with a longer one, or add agents that can hold it.";
}

std::string dependency_failed_message(JobId on, DependencyCondition condition, JobState ended) {
  const std::string_view wanted = condition == DependencyCondition::Ok      ? "to be COMPLETED"
                                  : condition == DependencyCondition::NotOk ? "not to be COMPLETED"
                                                                            : "to end";
  return "The job waited for job " + to_string(on) + " " + std::string(wanted) +
         ", but that one ended " + std::string(to_string(ended)) +
         "; retry that one first, then this one.";
}

std::string dependency_gone_message() {
  return "A job that this one waited for ended in a way that can no longer meet its condition; "
         "submit it again.";
}

std::string cancelled_message(const std::string& where) {
  return "The job was cancelled " + where + ".";
}

std::string agent_unknown_message(const AgentId& agent) {
  return "The store knows no " + agent_text(agent) + ", on which the attempt was running";
}

std::string agent_silent_message(const AgentId& agent, Duration timeout) {
  return "Nothing was heard from " + agent_text(agent) + " for " + duration_text(timeout);
}

std::string agent_restarted_message(const AgentId& agent) {
  return agent_text(agent) + " was restarted, which ended its processes";
}

std::string agent_replaced_message(const AgentId& agent) {
  return "Another machine took over the id of " + agent_text(agent);
}

std::string attempt_forgotten_message(const AgentId& agent) {
  return agent_text(agent) + " came back without the attempt";
}

std::string capacity_shrunk_message(const AgentId& agent) {
  return agent_text(agent) + " came back with less capacity than the attempt has reserved";
}

std::string attempt_message(const AttemptResult& result) {
  if (!result.message.empty()) {
    return result.message;
  }
  if (result.state == JobState::TimedOut) {
    return "The process ran past its timeoutMs and was killed; give it more time or less to do.";
  }
  if (result.exit_code) {
    return "The process exited with code " + std::to_string(*result.exit_code) +
           "; its output says why.";
  }
  if (result.signal) {
    return "The process was ended by signal " + std::to_string(*result.signal) + ".";
  }
  return "The attempt ended with reason " + std::string(to_string(result.reason)) + ".";
}

std::string retrying_message(const AttemptResult& result, const JobRecord& job, Duration wait) {
  return "Attempt " + std::to_string(job.attempt) + " failed: " + attempt_message(result) +
         " The next one follows" +
         (wait > Duration::zero() ? " in " + duration_text(wait) : std::string()) + ".";
}

std::string retries_spent_message(const AttemptResult& result, std::uint32_t attempts,
                                  std::int64_t max_retries) {
  std::string text = attempt_message(result);
  if (max_retries > 0) {
    text += " It was attempt " + std::to_string(attempts) + "; maxRetries is " +
            std::to_string(max_retries) + ".";
  }
  return text;
}

std::string losses_spent_message(const std::string& loss, std::uint32_t losses,
                                 std::int64_t max_lost) {
  return loss + ". The job lost " + std::to_string(losses) +
         " attempt(s) this way, more than its maxLost of " + std::to_string(max_lost) +
         "; look at the agents, then retry it.";
}

}  // namespace hearth::core
