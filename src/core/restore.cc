// Recovery, and the text by which a test can tell that nothing was lost in it.
#include <algorithm>
#include <set>

#include "core/controller_impl.h"

namespace hearth::core {
namespace {

void add(std::string& out, std::string_view name, const std::string& value) {
  out += ' ';
  out += name;
  out += '=';
  out += value;
}

void add_number(std::string& out, std::string_view name, std::int64_t value) {
  add(out, name, std::to_string(value));
}

void add_time(std::string& out, std::string_view name, const std::optional<TimePoint>& at) {
  if (at) {
    add_number(out, name, to_ms(*at));
  }
}

std::string text_of(const ResourceVector& amounts) {
  std::string text = std::to_string(amounts.cpu_milli) + "m/" +
                     std::to_string(amounts.memory_bytes) + "B/" + std::to_string(amounts.gpus) +
                     "G";
  for (const auto& [name, amount] : amounts.named) {
    text += "/" + name + ":" + std::to_string(amount);
  }
  return text;
}

void add_record(std::string& out, const JobRecord& job) {
  out += "job " + to_string(job.id) + " " + std::string(to_string(job.state));
  add(out, "reason", std::string(to_string(job.reason)));
  add(out, "message", job.message);
  add_number(out, "exit", job.exit_code.value_or(-1));
  add_number(out, "signal", job.signal.value_or(-1));
  add_number(out, "attempt", job.attempt);
  add_number(out, "failures", job.failures);
  add_number(out, "losses", job.losses);
  add_number(out, "epoch", static_cast<std::int64_t>(job.epoch));
  add(out, "agent", job.agent.value());
  add_time(out, "created", job.created_at);
  add_time(out, "queued", job.queued_at);
  add_time(out, "assigned", job.assigned_at);
  add_time(out, "started", job.started_at);
  add_time(out, "completed", job.completed_at);
  add_time(out, "cancel", job.cancel_requested_at);
  add_time(out, "eligible", job.eligible_at);
  add_number(out, "progress", job.progress_percent);
  add(out, "text", job.progress_text);
  add_number(out, "callback", job.has_callback ? 1 : 0);
}

void add_class(std::string& out, const sched::ClassKey& key) {
  add_number(out, "priority", key.priority);
  add(out, "sandbox", std::string(to_string(key.sandbox)));
  add(out, "request", text_of(key.request));
  add(out, "group", key.group);
  for (const auto& [name, value] : key.requires_labels) {
    add(out, "requires", name + ":" + value);
  }
  for (const std::string& feature : key.features) {
    add(out, "feature", feature);
  }
}

void add_policy(std::string& out, const RetryPolicy& policy) {
  add_number(out, "max_retries", policy.max_retries);
  add_number(out, "max_lost", policy.max_lost);
  add_number(out, "group_limit", policy.group_limit);
  add_number(out, "max_queue", policy.max_queue.value_or(Duration(-1)).count());
  add(out, "backoff",
      std::to_string(policy.backoff.initial.count()) + "*" + std::to_string(policy.backoff.factor) +
          "<" + std::to_string(policy.backoff.max.count()));
  for (const std::int32_t code : policy.retry_on.exit_codes) {
    add_number(out, "retry_code", code);
  }
  for (const Reason reason : policy.retry_on.reasons) {
    add(out, "retry_reason", std::string(to_string(reason)));
  }
}

void add_agent(std::string& out, const AgentRecord& agent, const ResourceVector& reserved) {
  out += "agent " + agent.info.id.value();
  add(out, "instance", agent.info.instance);
  add(out, "incarnation", agent.info.incarnation);
  add(out, "capacity", text_of(agent.info.capacity));
  add(out, "reserved", text_of(reserved));
  add_number(out, "parallel", agent.info.max_parallel_jobs);
  add_number(out, "draining", agent.draining ? 1 : 0);
  add_number(out, "done", agent.done);
  add_number(out, "failed", agent.failed);
  add_number(out, "busy_ms", agent.busy_ms);
  add_time(out, "first_seen", agent.first_seen_at);
  for (const auto& [name, value] : agent.info.labels) {
    add(out, "label", name + ":" + value);
  }
}

}  // namespace

void Controller::Impl::restore(const Snapshot& snapshot, Now now) {
  set_now(now);
  controller_epoch_ = snapshot.controller_epoch;
  last_seq_ = snapshot.last_seq;
  last_job_id_ = snapshot.last_job_id;
  for (const AgentRecord& agent : snapshot.agents) {
    const TimePoint heard = agent.status == AgentStatus::Dead ? agent.last_heartbeat_at : wall_;
    state_.apply(AgentJoined{agent, 0, heard});
    if (agent.status == AgentStatus::Dead) {
      state_.apply(AgentGone{state_.find_agent(agent.info.id)});
    } else {
      next_agent_check_ = steady_ + options_.heartbeat_timeout;
    }
  }
  std::set<JobId> live;
  for (const RestoredJob& job : snapshot.jobs) {
    live.insert(job.record.id);
    last_job_id_ = std::max(last_job_id_, job.record.id);
  }
  for (const RestoredJob& job : snapshot.jobs) {
    restore_job(job, live, snapshot.ended_dependencies);
  }
}

// A job that was queued once has met its dependencies for good. Of one that was not, those that are
// not live any more ended as it wished: had they not, it would have ended with them.
void Controller::Impl::restore_job(const RestoredJob& job, const std::set<JobId>& live,
                                   const std::map<JobId, JobState>& ended) {
  std::vector<Dependency> open;
  bool is_orphan = is_on_agent(job.record.state) && state_.find_agent(job.record.agent) == kNone;
  if (job.record.state == JobState::Submitted && !job.record.queued_at) {
    for (const Dependency& on : job.spec.after) {
      const auto state = ended.find(on.job);
      if (live.contains(on.job)) {
        open.push_back(on);
      } else if (state != ended.end() && !is_met(on.condition, state->second)) {
        is_orphan = true;
      }
    }
  }
  state_.apply(JobAdmitted{job.record, job.spec, job.idempotency_key, job.payload_bytes, open});
  if (is_orphan) {
    orphans_.push_back(job.record.id);
  }
}

std::string Controller::Impl::digest() const {
  std::string out =
      "seq=" + std::to_string(last_seq_.value()) + " last_job=" + to_string(last_job_id_) + "\n";
  std::vector<JobSlot> slots;
  for (JobSlot slot = 0; slot < state_.jobs().end(); ++slot) {
    if (state_.job(slot).in_use && !is_final(record(slot).state)) {
      slots.push_back(slot);
    }
  }
  std::sort(slots.begin(), slots.end(),
            [this](JobSlot a, JobSlot b) { return record(a).id < record(b).id; });
  for (const JobSlot slot : slots) {
    const Job& job = state_.job(slot);
    add_record(out, job.record);
    add_class(out, state_.scheduler().key_of(job.class_id));
    add_policy(out, state_.policy_of(job));
    add(out, "key", job.idempotency_key == nullptr ? "" : *job.idempotency_key);
    add_number(out, "payload", job.payload_bytes);
    add_number(out, "reserves", job.agent != kNone ? 1 : 0);
    for (const Dependency& on : state_.graph().dependencies_of(job.record.id)) {
      add(out, "after", to_string(on.job) + ":" + std::string(to_string(on.condition)));
    }
    out += '\n';
  }
  for (const auto& [id, slot] : state_.agent_slots()) {
    add_agent(out, state_.agent(slot).record, state_.scheduler().fleet().reserved(slot));
    add_number(out, "running", state_.agent(slot).attempts);
    out += '\n';
  }
  return out;
}

}  // namespace hearth::core
