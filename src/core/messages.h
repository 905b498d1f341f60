// The sentences people read in a job's `message`: what was tried and what to do (spec §2).
#pragma once

#include <string>

#include "base/time.h"
#include "core/retry_policy.h"
#include "model/agent.h"
#include "model/job.h"

namespace hearth::core {

std::string duration_text(Duration duration);

std::string queue_timeout_message(Duration max_queue);
std::string dependency_failed_message(JobId on, DependencyCondition condition, JobState ended);
std::string dependency_gone_message();
std::string cancelled_message(const std::string& where);
std::string agent_unknown_message(const AgentId& agent);
std::string agent_silent_message(const AgentId& agent, Duration timeout);
std::string agent_restarted_message(const AgentId& agent);
std::string agent_replaced_message(const AgentId& agent);
std::string attempt_forgotten_message(const AgentId& agent);
std::string capacity_shrunk_message(const AgentId& agent);
// What an attempt's own end reads like when the agent sent no sentence.
std::string attempt_message(const AttemptResult& result);
std::string retrying_message(const AttemptResult& result, const JobRecord& job, Duration wait);
std::string retries_spent_message(const AttemptResult& result, std::uint32_t attempts,
                                  std::int64_t max_retries);
std::string losses_spent_message(const std::string& loss, std::uint32_t losses,
                                 std::int64_t max_lost);

}  // namespace hearth::core
