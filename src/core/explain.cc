// Why does this job wait? Facts from the same structures that decide.
#include <algorithm>

#include "core/controller_impl.h"
#include "core/messages.h"
#include "core/shortfall.h"

namespace hearth::core {
namespace {

// A fleet of thousands does not fit into one answer; the agents that are closest come first.
constexpr std::size_t kReasonsMax = 100;

std::string ended_summary(const JobRecord& job) {
  std::string text = "The job has ended as " + std::string(to_string(job.state));
  return job.message.empty() ? text + "." : text + ": " + job.message;
}

std::string running_summary(const JobRecord& job) {
  const std::string what =
      job.state == JobState::Running ? "runs on agent " : "is assigned to agent ";
  return "The job " + what + job.agent.value() + " (attempt " + std::to_string(job.attempt) + ").";
}

}  // namespace

void Controller::Impl::on(const Explain& command) {
  const JobSlot slot = state_.find_job(command.job);
  if (slot == kNone) {
    effect(ReplyExplain{command.token,
                        not_found("No live job has the id " + to_string(command.job) + ".")});
    return;
  }
  effect(ReplyExplain{command.token, explain(state_.job(slot))});
}

Explanation Controller::Impl::explain(const Job& job) {
  const JobRecord& record = job.record;
  Explanation out{.job = record.id,
                  .state = record.state,
                  .since = record.created_at,
                  .summary = {},
                  .reasons = {}};
  switch (record.state) {
    case JobState::Submitted:
      explain_submitted(job, out);
      break;
    case JobState::Queued:
      out.since = record.queued_at.value_or(record.created_at);
      explain_queued(job, out);
      break;
    case JobState::Assigned:
      out.since = record.assigned_at.value_or(record.created_at);
      out.summary = running_summary(record);
      break;
    case JobState::Running:
      out.since = record.started_at.value_or(record.created_at);
      out.summary = running_summary(record);
      break;
    default:
      out.since = record.completed_at.value_or(record.created_at);
      out.summary = ended_summary(record);
  }
  return out;
}

void Controller::Impl::explain_submitted(const Job& job, Explanation& out) const {
  for (const Dependency& on : state_.graph().dependencies_of(job.record.id)) {
    if (out.reasons.size() == kReasonsMax) {
      break;
    }
    const JobSlot slot = state_.find_job(on.job);
    const std::string state(slot == kNone ? "unknown" : to_string(record(slot).state));
    out.reasons.push_back({.code = "dependency",
                           .sentence = "It waits for job " + to_string(on.job) + " (" + state +
                                       ") to end, condition " +
                                       std::string(to_string(on.condition)) + ".",
                           .agent = {},
                           .resource = to_string(on.job),
                           .required = 0,
                           .available = 0,
                           .since = job.record.created_at});
  }
  if (job.record.eligible_at && *job.record.eligible_at > wall_) {
    const bool is_backoff = job.record.attempt > 0;
    const Duration left = *job.record.eligible_at - wall_;
    const Duration whole = is_backoff
                               ? backoff_after(state_.policy_of(job).backoff, job.record.failures)
                               : Duration(0);
    const TimePoint since = is_backoff ? *job.record.eligible_at - whole : job.record.created_at;
    out.since = std::max(out.since, since);
    out.reasons.push_back({.code = is_backoff ? "backoff" : "not_before",
                           .sentence = (is_backoff ? "Its back-off after a failure ends in "
                                                   : "Its notBefore is in ") +
                                       duration_text(left) + ".",
                           .agent = {},
                           .resource = {},
                           .required = to_ms(*job.record.eligible_at),
                           .available = to_ms(wall_),
                           .since = since});
  }
  out.summary =
      job.open_dependencies > 0
          ? "The job waits for " + std::to_string(job.open_dependencies) + " other job(s) to end."
          : "The job waits for its time to come.";
}

void Controller::Impl::explain_queued(const Job& job, Explanation& out) {
  sched::Scheduler& scheduler = state_.scheduler();
  const sched::ClassKey& key = scheduler.key_of(job.class_id);
  const sched::QueueNode head = scheduler.head_of(job.class_id);
  const auto add = [&](std::string code, std::string sentence) {
    out.reasons.push_back({.code = std::move(code),
                           .sentence = std::move(sentence),
                           .agent = {},
                           .resource = {},
                           .required = 0,
                           .available = 0,
                           .since = {}});
  };
  if (head != job.queue_node) {
    const JobId first = scheduler.queue().at(head).id;
    add("queue_order", "It is not the first of the " +
                           std::to_string(scheduler.waiting_in(job.class_id)) +
                           " waiting jobs that ask for the same; job " + to_string(first) + " is.");
    out.reasons.back().since = out.since;
  }
  const sched::Outcome outcome = scheduler.outcome_of(job.class_id);
  if (const auto* waits = std::get_if<sched::Waits>(&outcome)) {
    switch (waits->why) {
      case sched::Waits::Why::NoAgents:
        out.summary = "No agent is registered; start one with hearth agent.";
        add("no_agents", out.summary);
        return;
      case sched::Waits::Why::Group: {
        const sched::GroupState& group = *scheduler.group(key.group);
        out.summary = "The group " + key.group + " runs " + std::to_string(group.active) +
                      " jobs; its limit is " + std::to_string(group.limits.begin()->first) + ".";
        add("group_limit", out.summary);
        out.reasons.back().resource = key.group;
        out.reasons.back().required = group.active + 1;
        out.reasons.back().available = group.limits.begin()->first;
        out.reasons.back().since = std::max(out.since, group.last_reserved_at);
        return;
      }
      case sched::Waits::Why::Capacity:
        out.summary = "No agent has room for it now (" + request_text(key.request) + ").";
        break;
    }
  } else if (std::holds_alternative<sched::Infeasible>(outcome)) {
    out.summary = infeasible_message(state_, key);
  } else {
    out.summary = "There is room for it; it is placed when its turn comes.";
    return;
  }
  explain_agents(job, key, out);
}

// The agents that lack the least come first.
void Controller::Impl::explain_agents(const Job& job, const sched::ClassKey& key,
                                      Explanation& out) const {
  std::vector<std::vector<WaitReason>> by_agent;
  for (const auto& [id, slot] : state_.agent_slots()) {
    by_agent.push_back(shortfalls(state_, slot, key, job.class_id));
  }
  const auto hopeless = [](const std::vector<WaitReason>& reasons) {
    return std::count_if(reasons.begin(), reasons.end(),
                         [](const WaitReason& reason) { return reason.code == "infeasible"; });
  };
  std::stable_sort(by_agent.begin(), by_agent.end(), [&](const auto& a, const auto& b) {
    return std::pair(hopeless(a), a.size()) < std::pair(hopeless(b), b.size());
  });
  for (const auto& reasons : by_agent) {
    for (const WaitReason& reason : reasons) {
      if (out.reasons.size() == kReasonsMax) {
        return;
      }
      out.reasons.push_back(reason);
      if (const auto since = short_since(state_, state_.find_agent(reason.agent), reason)) {
        out.reasons.back().since = std::max(out.since, *since);
      }
    }
  }
}

}  // namespace hearth::core
