#include "sim_store.h"

#include <algorithm>
#include <utility>

#include "world.h"

namespace hearth::sim {

void SimStore::append_new_job(const NewJob& made) {
  if (jobs_.contains(made.id)) {
    world_.fail("job " + to_string(made.id) + " is made twice");
    return;
  }
  if (!made.idempotency_key.empty() && !keys_.emplace(made.idempotency_key, made.id).second) {
    world_.fail("idempotency key " + made.idempotency_key + " makes a second job " +
                to_string(made.id));
  }
  StoredJob row;
  row.made = made;
  row.plan = static_cast<std::size_t>(std::stoull(made.payload->spec));
  row.spec = world_.plans[row.plan].scheduling;
  row.spec.after.insert(row.spec.after.end(), made.after_in_batch.begin(),
                        made.after_in_batch.end());
  jobs_.emplace(made.id, std::move(row));
  last_job_id_ = std::max(last_job_id_, made.id);
  ++live_;
}

void SimStore::append_event(const JobEvent& event) {
  if (event.seq.value() != last_seq_.value() + 1) {
    world_.fail("event " + std::to_string(event.seq.value()) + " follows event " +
                std::to_string(last_seq_.value()));
  }
  last_seq_ = event.seq;
  const auto row = jobs_.find(event.after.id);
  if (row == jobs_.end()) {
    world_.fail("an event names job " + to_string(event.after.id) + ", which has no row");
    return;
  }
  if (row->second.removed) {
    world_.fail("an event names job " + to_string(event.after.id) + ", which was removed");
  }
  world_.history.on_event(row->second, event);
  if (is_final(event.after.state) && !is_final(row->second.record.state)) {
    --live_;
    finished_[event.seq] = {.seq = event.seq, .id = event.after.id, .ended_at = event.at};
  }
  row->second.record = event.after;
  row->second.last_event_at = event.at;
}

void SimStore::append_attempt(const AttemptChange& change) {
  const auto row = jobs_.find(change.job);
  if (row == jobs_.end()) {
    world_.fail("an attempt names job " + to_string(change.job) + ", which has no row");
    return;
  }
  world_.history.on_attempt(row->second, change.attempt);
  row->second.attempts[change.attempt.number] = change.attempt;
}

void SimStore::append(const ChangeSet& changes) {
  for (const AgentRecord& agent : changes.agents) {
    agents_[agent.info.id] = agent;
  }
  for (const NewJob& made : changes.new_jobs) {
    append_new_job(made);
  }
  for (const AttemptChange& change : changes.attempts) {
    append_attempt(change);
  }
  for (const JobEvent& event : changes.events) {
    append_event(event);
  }
  world_.history.check_loads(agents_);
}

Past SimStore::past(std::int64_t jobs_max) const {
  Past past;
  past.finished_jobs = static_cast<std::int64_t>(finished_.size());
  for (const auto& [seq, job] : finished_) {
    if (std::cmp_greater_equal(past.jobs.size(), jobs_max)) {
      break;
    }
    past.jobs.push_back(job);
  }
  return past;
}

void SimStore::remove(const Removal& removal, TimePoint now) {
  for (const FinishedJob& job : removal.jobs) {
    StoredJob& row = jobs_.at(job.id);
    world_.history.on_removed(row, now, static_cast<std::int64_t>(finished_.size()));
    row.removed = true;
    finished_.erase(job.seq);
    keys_.erase(row.made.idempotency_key);
  }
}

const StoredJob* SimStore::find_stored(JobId id) const {
  const StoredJob* row = find(id);
  return row == nullptr || row->removed ? nullptr : row;
}

const StoredJob* SimStore::find(JobId id) const {
  const auto row = jobs_.find(id);
  return row == jobs_.end() ? nullptr : &row->second;
}

std::optional<JobId> SimStore::find_key(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : std::optional<JobId>(found->second);
}

core::Snapshot SimStore::snapshot() const {
  core::Snapshot snapshot;
  snapshot.controller_epoch = epoch_;
  snapshot.last_seq = last_seq_;
  snapshot.last_job_id = last_job_id_;
  for (const auto& [id, row] : jobs_) {
    if (is_final(row.record.state)) {
      continue;
    }
    snapshot.jobs.push_back({row.record, row.spec, row.made.idempotency_key, kPayloadBytes});
    for (const Dependency& dependency : row.spec.after) {
      const StoredJob* other = find_stored(dependency.job);
      if (other != nullptr && is_final(other->record.state)) {
        snapshot.ended_dependencies[dependency.job] = other->record.state;
      }
    }
  }
  for (const auto& [id, agent] : agents_) {
    snapshot.agents.push_back(agent);
  }
  return snapshot;
}

}  // namespace hearth::sim
