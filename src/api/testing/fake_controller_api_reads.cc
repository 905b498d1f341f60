// What is asked about jobs and agents.
#include <algorithm>

#include "api/testing/fake_controller_api.h"

namespace hearth::api::testing {

namespace {

bool matches(const JobView& view, const store::JobQuery& query) {
  const bool state = query.states.empty() || std::find(query.states.begin(), query.states.end(),
                                                       view.record.state) != query.states.end();
  const bool labels =
      std::all_of(query.labels.begin(), query.labels.end(), [&view](const auto& label) {
        const auto found = view.spec.labels.find(label.first);
        return found != view.spec.labels.end() && found->second == label.second;
      });
  return state && labels && (query.queue.empty() || view.spec.scheduling.queue == query.queue) &&
         (query.name.empty() || view.spec.name == query.name) &&
         (!query.below || view.record.id < *query.below);
}

}  // namespace

std::uint64_t FakeControllerApi::version_of(JobId) {
  const MutexLock lock(mutex_);
  return last_seq_.value();  // every change of a job is an event here
}

Result<JobView> FakeControllerApi::get(JobId job) {
  const MutexLock lock(mutex_);
  ++reads_of_jobs_;
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) {
    return not_found("there is no job " + to_string(job));
  }
  return found->second.view;
}

Result<std::vector<JobView>> FakeControllerApi::list(const store::JobQuery& query) {
  const MutexLock lock(mutex_);
  std::vector<JobView> found;
  for (auto job = jobs_.rbegin();
       job != jobs_.rend() && static_cast<std::int64_t>(found.size()) < query.limit; ++job) {
    if (matches(job->second.view, query)) {
      found.push_back(job->second.view);
    }
  }
  return found;
}

Result<OutputAnswer> FakeControllerApi::output(const OutputQuery& query) {
  const MutexLock lock(mutex_);
  const auto job = jobs_.find(query.job);
  if (job == jobs_.end()) {
    return not_found("there is no such job");
  }
  const std::uint32_t attempt = query.attempt.value_or(job->second.view.record.attempt);
  const Stream& stream = job->second.streams[{attempt, query.stream}];
  OutputAnswer answer{.attempt = attempt, .slice = {}};
  answer.slice.size = stream.size;
  answer.slice.complete = stream.complete;
  output::LogSlice& slice = answer.slice.slice;
  std::int64_t at = query.offset;
  auto piece = stream.pieces.upper_bound(at);
  if (piece != stream.pieces.begin() &&
      std::prev(piece)->first + static_cast<std::int64_t>(std::prev(piece)->second.size()) > at) {
    --piece;
  } else if (piece != stream.pieces.end()) {
    at = piece->first;  // in a gap
  }
  slice.offset = slice.next_offset = slice.kept_until = at;
  for (; piece != stream.pieces.end() && piece->first <= slice.kept_until; ++piece) {
    const auto from = static_cast<std::size_t>(slice.kept_until - piece->first);
    slice.bytes += piece->second.substr(from);
    slice.kept_until = piece->first + static_cast<std::int64_t>(piece->second.size());
  }
  slice.bytes.resize(std::min(slice.bytes.size(), static_cast<std::size_t>(query.max)));
  slice.next_offset = at + static_cast<std::int64_t>(slice.bytes.size());
  if (slice.next_offset == slice.kept_until && piece != stream.pieces.end()) {
    slice.next_offset = piece->first;
  }
  return answer;
}

Result<std::vector<JobEvent>> FakeControllerApi::events(JobId job, EventSeq after,
                                                        std::int64_t limit) {
  const MutexLock lock(mutex_);
  std::erase_if(events_,
                [up_to = forgotten_at_read_](const JobEvent& event) { return event.seq <= up_to; });
  std::vector<JobEvent> found;
  for (const JobEvent& event : events_) {
    if (event.seq > after && (job.empty() || event.after.id == job) &&
        static_cast<std::int64_t>(found.size()) < limit) {
      found.push_back(event);
    }
  }
  return found;
}

Result<EventSeq> FakeControllerApi::oldest_event() {
  const MutexLock lock(mutex_);
  return events_.empty() ? EventSeq() : events_.front().seq;
}

EventSeq FakeControllerApi::last_event() {
  const MutexLock lock(mutex_);
  return last_seq_;
}

std::vector<AgentView> FakeControllerApi::agents() {
  const MutexLock lock(mutex_);
  std::vector<AgentView> all;
  for (const auto& [id, agent] : agents_) {
    all.push_back(agent);
  }
  return all;
}

std::map<JobState, std::int64_t> FakeControllerApi::counts() {
  const MutexLock lock(mutex_);
  std::map<JobState, std::int64_t> counts;
  for (const auto& [id, job] : jobs_) {
    ++counts[job.view.record.state];
  }
  return counts;
}

}  // namespace hearth::api::testing
