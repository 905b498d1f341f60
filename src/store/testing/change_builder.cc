#include "store/testing/change_builder.h"

#include <memory>
#include <utility>

namespace hearth::store::testing {

JobId ChangeBuilder::submit(const JobTraits& traits) {
  last_job_ = next_job_id(last_job_, now_);
  changes_.new_jobs.push_back({.id = last_job_,
                               .queue = traits.queue,
                               .idempotency_key = traits.idempotency_key,
                               .retry_of = {},
                               .payload = std::make_shared<const JobPayload>(
                                   JobPayload{.spec = traits.spec,
                                              .secrets = traits.secrets,
                                              .name = traits.name,
                                              .labels = traits.labels,
                                              .has_callback = traits.has_callback}),
                               .after_in_batch = traits.after_in_batch});
  JobRecord& job = jobs_[last_job_];
  job.id = last_job_;
  job.created_at = now_;
  job.has_callback = traits.has_callback;
  event(JobEventKind::Submitted, job);
  job.state = JobState::Queued;
  job.queued_at = now_;
  event(JobEventKind::Queued, job);
  return last_job_;
}

void ChangeBuilder::assign(JobId id, const std::string& agent) {
  JobRecord& job = jobs_.at(id);
  job.state = JobState::Assigned;
  job.agent = AgentId(agent);
  ++job.attempt;
  ++job.epoch;
  job.assigned_at = now_;
  event(JobEventKind::Assigned, job);
  attempts_[id] = {.number = job.attempt,
                   .agent = job.agent,
                   .epoch = job.epoch,
                   .state = JobState::Assigned,
                   .assigned_at = now_,
                   .started_at = {},
                   .ended_at = {},
                   .result = {}};
  attempt(job);
}

void ChangeBuilder::start(JobId id) {
  JobRecord& job = jobs_.at(id);
  job.state = JobState::Running;
  job.started_at = now_;
  event(JobEventKind::Started, job);
  attempts_.at(id).state = JobState::Running;
  attempts_.at(id).started_at = now_;
  attempt(job);
}

void ChangeBuilder::requeue(JobId id) {
  JobRecord& job = jobs_.at(id);
  job.state = JobState::Queued;
  ++job.losses;
  ++job.epoch;
  event(JobEventKind::Requeued, job);
  Attempt& lost = attempts_.at(id);
  lost.state = JobState::Failed;
  lost.ended_at = now_;
  lost.result = {.state = JobState::Failed, .reason = Reason::AgentLost};
  attempt(job);
}

void ChangeBuilder::progress(JobId id, std::int32_t percent) {
  JobRecord& job = jobs_.at(id);
  job.progress_percent = percent;
  event(JobEventKind::Progress, job);
}

void ChangeBuilder::end(JobId id, JobState state) {
  JobRecord& job = jobs_.at(id);
  job.state = state;
  job.completed_at = now_;
  job.exit_code = state == JobState::Completed ? 0 : 1;
  event(JobEventKind::Ended, job);
  const auto latest = attempts_.find(id);
  if (latest != attempts_.end()) {
    latest->second.state = state;
    latest->second.ended_at = now_;
    const auto [out, err] = wrote_[id];
    latest->second.result = {.state = state,
                             .exit_code = job.exit_code,
                             .wall_ms = 12,
                             .stdout_bytes = out,
                             .stderr_bytes = err};
    attempt(job);
  }
}

void ChangeBuilder::output(JobId id, StreamKind stream, std::string bytes) {
  changes_.outputs.push_back(
      {.job = id, .attempt = jobs_.at(id).attempt, .stream = stream, .bytes = std::move(bytes)});
}

void ChangeBuilder::wrote(JobId id, std::int64_t stdout_bytes, std::int64_t stderr_bytes) {
  wrote_[id] = {stdout_bytes, stderr_bytes};
}

void ChangeBuilder::agent(const std::string& id, AgentStatus status) {
  AgentRecord record;
  record.info.id = AgentId(id);
  record.info.hostname = "host-" + id;
  record.status = status;
  record.last_heartbeat_at = now_;
  changes_.agents.push_back(std::move(record));
}

ChangeSet ChangeBuilder::take() {
  return std::exchange(changes_, {});
}

void ChangeBuilder::forget_ended() {
  std::erase_if(jobs_, [this](const auto& entry) {
    const bool ended = is_final(entry.second.state);
    if (ended) {
      attempts_.erase(entry.first);
      wrote_.erase(entry.first);
    }
    return ended;
  });
}

void ChangeBuilder::event(JobEventKind kind, JobRecord& job) {
  last_seq_ = EventSeq(last_seq_.value() + 1);
  now_ += Duration(1);
  changes_.events.push_back({.seq = last_seq_, .at = now_, .kind = kind, .after = job});
}

void ChangeBuilder::attempt(const JobRecord& job) {
  changes_.attempts.push_back({.job = job.id, .attempt = attempts_.at(job.id)});
}

}  // namespace hearth::store::testing
