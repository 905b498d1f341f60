#include "core/testing/rows.h"

#include "base/check.h"

namespace hearth::core::testing {

void Rows::remember_spec(JobId job, const SchedulingSpec& spec, std::int64_t payload_bytes) {
  extras_[job].spec = spec;
  extras_[job].payload_bytes = payload_bytes;
}

void Rows::fold(const ChangeSet& changes) {
  for (const NewJob& job : changes.new_jobs) {
    Extra& extra = extras_[job.id];
    extra.idempotency_key = job.idempotency_key;
    extra.spec.after.insert(extra.spec.after.end(), job.after_in_batch.begin(),
                            job.after_in_batch.end());
  }
  for (const JobEvent& event : changes.events) {
    HEARTH_CHECK(event.seq.value() == last_seq_.value() + 1, "event numbers are dense");
    HEARTH_CHECK(!is_final(jobs_[event.after.id].state), "an ended job never changes again");
    last_seq_ = event.seq;
    jobs_[event.after.id] = event.after;
    events_.push_back(event);
  }
  for (const AttemptChange& change : changes.attempts) {
    attempts_[{change.job, change.attempt.number}] = change.attempt;
  }
  for (const AgentRecord& agent : changes.agents) {
    agents_[agent.info.id] = agent;
  }
}

Snapshot Rows::snapshot(std::uint64_t controller_epoch) const {
  Snapshot result;
  result.controller_epoch = controller_epoch;
  result.last_seq = last_seq_;
  for (const auto& [id, record] : jobs_) {
    result.last_job_id = id;
    if (is_final(record.state)) {
      result.ended_dependencies.emplace(id, record.state);
      continue;
    }
    const Extra& extra = extras_.at(id);
    result.jobs.push_back({record, extra.spec, extra.idempotency_key, extra.payload_bytes});
  }
  for (const auto& [id, agent] : agents_) {
    result.agents.push_back(agent);
  }
  return result;
}

}  // namespace hearth::core::testing
