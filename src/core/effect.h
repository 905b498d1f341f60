// What the shell must do once the turn's ChangeSet is durable, and never before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/command.h"
#include "model/ids.h"
#include "model/job.h"

namespace hearth::core {

struct SubmitOutcome {
  JobId id;
  JobState state = JobState::Submitted;
  bool replayed = false;  // an idempotency key was known: nothing was made
};

struct ReplySubmit {
  RequestToken token = 0;
  std::vector<Result<SubmitOutcome>> outcomes;  // one per item, in order
};

// Err NotFound: not in memory; the shell answers from the store (ended: 200 unchanged, else 404).
struct ReplyCancel {
  RequestToken token = 0;
  Result<JobRecord> outcome;
};

// One reason why a job waits, as fact and as sentence.
struct WaitReason {
  std::string code;  // "dependency", "not_before", "backoff", "group_limit", "capacity",
                     // "no_agents", "infeasible", "starvation_hold", "queue_order"
  std::string sentence;
  AgentId agent;  // the agent it speaks of, if one
  std::string resource;
  std::int64_t required = 0;
  std::int64_t available = 0;
  std::optional<TimePoint> since = {};  // it has held for this job from then on, or for longer
};

struct Explanation {
  JobId job;
  JobState state = JobState::Submitted;
  TimePoint since{};
  std::string summary;
  std::vector<WaitReason> reasons;
};

struct ReplyExplain {
  RequestToken token = 0;
  Result<Explanation> outcome;
};

struct ReplyDrain {
  RequestToken token = 0;
  Result<> outcome;
};

// Answer to AgentHello. For each held attempt: keep (it goes on; its reports are accepted) or stop
// (kill it, drop its spool, report nothing).
struct Welcome {
  AgentId agent;
  std::uint64_t link = 0;
  std::uint64_t controller_epoch = 0;
  std::vector<AttemptKey> keep;
  std::vector<AttemptKey> stop;
};

// The hello is refused (another live agent has this id: kind "conflict"; limit reached), or an
// agent was declared lost while its connection still stood, or speaks although it is not registered
// (kind "agent_lost": it should connect anew and say hello). The link is closed.
struct RejectAgent {
  std::uint64_t link = 0;
  AgentId agent;
  Error error;
};

struct AssignAttempt {
  AgentId agent;
  std::uint64_t link = 0;
  AttemptKey key;
};

// Stop an attempt: SIGTERM, grace, kill. The agent reports the end as Cancelled.
struct CancelAttempt {
  AgentId agent;
  std::uint64_t link = 0;
  AttemptKey key;
};

// The attempt is not ours any more: kill at once, drop its spool, report nothing.
struct StopAttempt {
  AgentId agent;
  std::uint64_t link = 0;
  AttemptKey key;
};

// Started and finished reports are resent until answered; a refused one was stale.
struct AckReport {
  AgentId agent;
  std::uint64_t link = 0;
  AttemptKey key;
  bool finished = false;
  bool accepted = true;
};

struct SendDrain {
  AgentId agent;
  std::uint64_t link = 0;
};

// From now on, and once at once, beat this often. Only to agents that said how often they beat.
struct PaceHeartbeats {
  AgentId agent;
  std::uint64_t link = 0;
  Duration interval{};
};

using Effect =
    std::variant<ReplySubmit, ReplyCancel, ReplyExplain, ReplyDrain, Welcome, RejectAgent,
                 AssignAttempt, CancelAttempt, StopAttempt, AckReport, SendDrain, PaceHeartbeats>;

}  // namespace hearth::core
