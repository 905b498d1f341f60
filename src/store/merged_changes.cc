#include "store/merged_changes.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "wire/job_codec.h"

namespace hearth::store {
namespace {

Result<> merge_events(const ChangeSet& change, MergedChanges& merged,
                      std::unordered_map<JobId, MergedJob>& jobs) {
  for (const JobEvent& event : change.events) {
    if (event.after.id.empty() || event.seq.empty()) {
      return internal_error("append: event " + std::to_string(event.seq.value()) +
                            " has no seq or names no job");
    }
    if (!merged.events.empty() && merged.events.back()->seq >= event.seq) {
      return internal_error("append: event " + std::to_string(event.seq.value()) + " follows " +
                            std::to_string(merged.events.back()->seq.value()));
    }
    MergedJob& job = jobs[event.after.id];
    job.record = &event.after;
    job.last_event = merged.events.size();
    merged.events.push_back(&event);
  }
  return {};
}

Result<> merge_jobs(std::unordered_map<JobId, MergedJob>& jobs, MergedChanges& merged) {
  merged.jobs.reserve(jobs.size());
  for (auto& [id, job] : jobs) {
    if (job.record == nullptr) {
      return internal_error("append: new job " + to_string(id) + " has no event");
    }
    job.id = id;
    merged.jobs.push_back(job);
  }
  std::ranges::sort(merged.jobs, {}, &MergedJob::id);
  return {};
}

}  // namespace

std::string stored_spec(const NewJob& job) {
  return job.after_in_batch.empty()
             ? job.payload->spec
             : job.payload->spec + wire::encode_more_after(job.after_in_batch);
}

Result<MergedChanges> merge(const std::vector<const ChangeSet*>& changes) {
  MergedChanges merged;
  std::unordered_map<JobId, MergedJob> jobs;
  std::map<std::pair<JobId, std::uint32_t>, const AttemptChange*> attempts;
  std::map<AgentId, const AgentRecord*> agents;
  for (const ChangeSet* change : changes) {
    for (const NewJob& created : change->new_jobs) {
      MergedJob& job = jobs[created.id];
      if (job.created != nullptr || job.record != nullptr || created.payload == nullptr) {
        return internal_error("append: new job " + to_string(created.id) +
                              " is not new or has no payload");
      }
      job.created = &created;
    }
    HEARTH_TRY(merge_events(*change, merged, jobs));
    for (const AttemptChange& attempt : change->attempts) {
      attempts[{attempt.job, attempt.attempt.number}] = &attempt;
    }
    for (const AgentRecord& agent : change->agents) {
      agents[agent.info.id] = &agent;
    }
    for (const InlineOutput& output : change->outputs) {
      merged.outputs.push_back(&output);
    }
  }
  HEARTH_TRY(merge_jobs(jobs, merged));
  for (const auto& [key, attempt] : attempts) {
    merged.attempts.push_back(attempt);
  }
  for (const auto& [id, agent] : agents) {
    merged.agents.push_back(agent);
  }
  return merged;
}

}  // namespace hearth::store
