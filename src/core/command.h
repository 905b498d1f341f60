// Everything that can happen to the controller's core, as values. Shells make them, the core
// decides.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/agent.h"
#include "model/change_set.h"
#include "model/job.h"

namespace hearth::core {

// Names one waiting caller of the shell; comes back in a Reply effect. 0: nobody waits.
using RequestToken = std::uint64_t;

// `after_refs` are indexes of earlier items of the same Submit (a batch's "@ref"), beside the ids
// in spec.after. An array is expanded by the front door: each element is an item.
struct SubmitItem {
  SchedulingSpec spec;
  std::vector<std::pair<std::size_t, DependencyCondition>> after_refs;
  std::string idempotency_key;
  JobId retry_of;
  std::shared_ptr<const JobPayload> payload;
  std::int64_t payload_bytes = 0;
  // Filled by the shell from the store right before deciding, for what is no longer in memory:
  std::optional<JobId> existing;                 // the job that already has idempotency_key
  std::optional<JobState> existing_state;        // and its state
  std::map<JobId, JobState> ended_dependencies;  // final states of jobs named in spec.after
};

struct Submit {
  RequestToken token = 0;
  std::vector<SubmitItem> items;
};

struct Cancel {
  RequestToken token = 0;
  JobId job;
};

struct Explain {
  RequestToken token = 0;
  JobId job;
};

struct DrainAgent {
  RequestToken token = 0;
  AgentId agent;
  bool enable = true;
};

// One attempt an agent still holds when it says hello. `finished`: its result is spooled and
// follows as an AttemptFinished.
struct HeldAttempt {
  AttemptKey key;
  bool started = false;
  bool finished = false;
};

// `link` numbers the connection: messages of an older link of the same agent are ignored.
struct AgentHello {
  std::uint64_t link = 0;
  AgentInfo info;
  std::vector<HeldAttempt> held;
};

struct AgentLinkClosed {
  std::uint64_t link = 0;
  AgentId agent;
};

// Refreshes liveness only; makes no event and no commit.
struct AgentHeartbeat {
  std::uint64_t link = 0;
  AgentId agent;
  AgentUsage usage;
};

// The agent asks to be drained (its own SIGTERM) or says it leaves for good after draining.
struct AgentDraining {
  std::uint64_t link = 0;
  AgentId agent;
};

struct AttemptStarted {
  std::uint64_t link = 0;
  AgentId agent;
  AttemptKey key;
};

// Posted by the shell only when all output up to the result's final offsets is durable or in
// `outputs`, which goes into the same transaction.
struct AttemptFinished {
  std::uint64_t link = 0;
  AgentId agent;
  AttemptKey key;
  AttemptResult result;
  std::vector<InlineOutput> outputs;
};

struct AttemptProgress {
  std::uint64_t link = 0;
  AgentId agent;
  AttemptKey key;
  std::int32_t percent = -1;
  std::string text;
};

// Time has passed: due timers fire, the periodic sweep runs. The shell sends one at
// Controller::next_deadline() or earlier.
struct Tick {};

using Command =
    std::variant<Submit, Cancel, Explain, DrainAgent, AgentHello, AgentLinkClosed, AgentHeartbeat,
                 AgentDraining, AttemptStarted, AttemptFinished, AttemptProgress, Tick>;

}  // namespace hearth::core
