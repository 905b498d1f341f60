#include "api/testing/fake_controller_api.h"

#include <algorithm>

#include "base/check.h"

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

JobView& FakeControllerApi::at(JobId job) {
  const auto found = jobs_.find(job);
  HEARTH_CHECK(found != jobs_.end(), "the test names a job that does not exist");
  return found->second.view;
}

std::shared_ptr<const Notice> FakeControllerApi::record(JobView& view, JobEventKind kind) {
  now_ += Duration(1);
  last_seq_ = EventSeq(last_seq_.value() + 1);
  events_.push_back({.seq = last_seq_, .at = now_, .kind = kind, .after = view.record});
  return std::make_shared<const Notice>(Notice{.event = events_.back()});
}

void FakeControllerApi::tell(const std::vector<std::shared_ptr<const Notice>>& notices) {
  std::vector<Watcher> watchers;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, watcher] : watchers_) {
      watchers.push_back(watcher);
    }
  }
  for (const Watcher& watcher : watchers) {
    watcher.on_events(notices);
  }
}

void FakeControllerApi::tell_output(JobId job, StreamKind stream) {
  std::vector<output::OutputListener> listeners;
  std::uint32_t attempt = 0;
  {
    const MutexLock lock(mutex_);
    attempt = at(job).record.attempt;
    for (const auto& [id, listener] : listeners_) {
      if (listener.first == job) {
        listeners.push_back(listener.second);
      }
    }
  }
  for (const auto& listener : listeners) {
    listener({.job = job, .attempt = attempt, .stream = stream});
  }
}

void FakeControllerApi::answer(std::function<void()> callback) {
  {
    const MutexLock lock(mutex_);
    if (hold_) {
      held_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void FakeControllerApi::start_attempt(JobId job, const std::string& agent) {
  std::vector<std::shared_ptr<const Notice>> notices;
  {
    const MutexLock lock(mutex_);
    JobView& view = at(job);
    JobRecord& row = view.record;
    row.state = JobState::Assigned;
    row.reason = Reason::None;
    row.attempt += 1;
    row.epoch += 1;
    row.agent = AgentId(agent);
    row.assigned_at = now_;
    view.attempts.push_back({.number = row.attempt,
                             .agent = row.agent,
                             .epoch = row.epoch,
                             .state = JobState::Assigned,
                             .assigned_at = now_});
    notices.push_back(record(view, JobEventKind::Assigned));
    row.state = view.attempts.back().state = JobState::Running;
    row.started_at = view.attempts.back().started_at = now_;
    notices.push_back(record(view, JobEventKind::Started));
  }
  tell(notices);
}

void FakeControllerApi::write(JobId job, StreamKind stream, std::string_view bytes) {
  {
    const MutexLock lock(mutex_);
    Stream& target = jobs_.at(job).streams[{at(job).record.attempt, stream}];
    target.pieces[target.size] = bytes;
    target.size += static_cast<std::int64_t>(bytes.size());
  }
  tell_output(job, stream);
}

void FakeControllerApi::skip(JobId job, StreamKind stream, std::int64_t bytes) {
  const MutexLock lock(mutex_);
  jobs_.at(job).streams[{at(job).record.attempt, stream}].size += bytes;
}

void FakeControllerApi::finish(JobId job, AttemptResult result) {
  std::vector<std::shared_ptr<const Notice>> notices;
  {
    const MutexLock lock(mutex_);
    JobView& view = at(job);
    JobRecord& row = view.record;
    Attempt& attempt = view.attempts.back();
    for (const StreamKind kind : kStreamKinds) {
      Stream& stream = jobs_.at(job).streams[{row.attempt, kind}];
      stream.complete = true;
      bytes_of(result, kind) = stream.size;
    }
    row.state = attempt.state = result.state;
    row.reason = result.reason;
    row.message = result.message;
    row.exit_code = result.exit_code;
    row.signal = result.signal;
    row.completed_at = attempt.ended_at = now_;
    attempt.result = std::move(result);
    notices.push_back(record(view, JobEventKind::Ended));
  }
  tell_output(job, StreamKind::Stdout);
  tell(notices);
}

void FakeControllerApi::requeue(JobId job, Reason reason) {
  std::vector<std::shared_ptr<const Notice>> notices;
  {
    const MutexLock lock(mutex_);
    JobView& view = at(job);
    view.attempts.back().state = JobState::Failed;
    view.attempts.back().ended_at = now_;
    view.attempts.back().result.reason = reason;
    view.record.state = JobState::Queued;
    view.record.reason = reason;
    notices.push_back(record(view, JobEventKind::Requeued));
  }
  tell(notices);
}

void FakeControllerApi::set_agent(AgentView agent) {
  const AgentId id = agent.record.info.id;
  std::vector<Watcher> watchers;
  {
    const MutexLock lock(mutex_);
    agents_[id] = std::move(agent);
    for (const auto& [key, watcher] : watchers_) {
      watchers.push_back(watcher);
    }
  }
  for (const Watcher& watcher : watchers) {
    if (watcher.on_agent) {
      watcher.on_agent(id);
    }
  }
}

void FakeControllerApi::forget_events(EventSeq up_to) {
  const MutexLock lock(mutex_);
  std::erase_if(events_, [up_to](const JobEvent& event) { return event.seq <= up_to; });
}

void FakeControllerApi::forget_events_at_read(EventSeq up_to) {
  const MutexLock lock(mutex_);
  forgotten_at_read_ = up_to;
}

void FakeControllerApi::fail_commands(std::optional<Error> error) {
  const MutexLock lock(mutex_);
  failure_ = std::move(error);
}

void FakeControllerApi::set_readiness(Readiness readiness) {
  const MutexLock lock(mutex_);
  readiness_ = std::move(readiness);
}

void FakeControllerApi::hold_commands(bool hold) {
  const MutexLock lock(mutex_);
  hold_ = hold;
}

void FakeControllerApi::release() {
  std::vector<std::function<void()>> held;
  {
    const MutexLock lock(mutex_);
    held.swap(held_);
    hold_ = false;
  }
  for (const auto& callback : held) {
    callback();
  }
}

std::vector<SubmitRequestItem> FakeControllerApi::submitted() {
  const MutexLock lock(mutex_);
  return submitted_;
}

std::int64_t FakeControllerApi::submit_calls() {
  const MutexLock lock(mutex_);
  return submit_calls_;
}

std::int64_t FakeControllerApi::reads_of_jobs() {
  const MutexLock lock(mutex_);
  return reads_of_jobs_;
}

std::size_t FakeControllerApi::output_listeners() {
  const MutexLock lock(mutex_);
  return listeners_.size();
}

std::size_t FakeControllerApi::watchers() {
  const MutexLock lock(mutex_);
  return watchers_.size();
}

Result<core::SubmitOutcome> FakeControllerApi::make(const JobSpec& spec) {
  if (const auto known = keys_.find(spec.idempotency_key);
      !spec.idempotency_key.empty() && known != keys_.end()) {
    return core::SubmitOutcome{
        .id = known->second, .state = at(known->second).record.state, .replayed = true};
  }
  last_job_ = next_job_id(last_job_, now_);
  JobView& view = jobs_[last_job_].view;
  view.spec = spec;
  view.spec.execution.secret_env.clear();
  view.record.id = last_job_;
  view.record.created_at = now_;
  view.record.has_callback = !spec.callback_url.empty();
  if (!spec.idempotency_key.empty()) {
    keys_[spec.idempotency_key] = last_job_;
  }
  return core::SubmitOutcome{.id = last_job_, .state = JobState::Queued};
}

void FakeControllerApi::submit(std::vector<SubmitRequestItem> items, Callback<SubmitResults> done) {
  Result<SubmitResults> results = SubmitResults();
  std::vector<std::shared_ptr<const Notice>> notices;
  {
    const MutexLock lock(mutex_);
    ++submit_calls_;
    if (failure_) {
      results = Result<SubmitResults>(*failure_);
    } else {
      for (const SubmitRequestItem& item : items) {
        results->push_back(make(item.spec));
        if (results->back() && !(*results->back()).replayed) {
          JobView& view = at((*results->back()).id);
          notices.push_back(record(view, JobEventKind::Submitted));
          view.record.state = JobState::Queued;
          view.record.queued_at = now_;
          notices.push_back(record(view, JobEventKind::Queued));
        }
        submitted_.push_back(item);
      }
    }
  }
  answer([done, results] { done(results); });
  tell(notices);
}

Result<> FakeControllerApi::touch_upload(const std::string& upload) {
  const MutexLock lock(mutex_);
  if (!uploads_.contains(upload)) {
    return uploads::no_such_upload(upload);
  }
  return {};
}

void FakeControllerApi::add_upload(const std::string& id) {
  const MutexLock lock(mutex_);
  uploads_.insert(id);
}

void FakeControllerApi::cancel(JobId job, Callback<JobView> done) {
  Result<JobView> result = get(job);
  std::vector<std::shared_ptr<const Notice>> notices;
  if (result && !is_final(result->record.state)) {
    const MutexLock lock(mutex_);
    JobView& view = at(job);
    view.record.cancel_requested_at = now_;
    if (view.record.state != JobState::Running) {
      view.record.state = JobState::Cancelled;
      view.record.reason = Reason::CancelRequested;
      view.record.completed_at = now_;
      notices.push_back(record(view, JobEventKind::Ended));
    } else {
      notices.push_back(record(view, JobEventKind::CancelRequested));
    }
    result = view;
  }
  answer([done, result] { done(result); });
  tell(notices);
}

void FakeControllerApi::retry(JobId job, Callback<core::SubmitOutcome> done) {
  Result<core::SubmitOutcome> result = core::SubmitOutcome{};
  {
    const MutexLock lock(mutex_);
    const auto found = jobs_.find(job);
    if (found == jobs_.end()) {
      result = Result<core::SubmitOutcome>(not_found("there is no such job"));
    } else if (!is_final(found->second.view.record.state)) {
      result = Result<core::SubmitOutcome>(Error{.code = ErrorCode::FailedPrecondition,
                                                 .message = "the job has not ended",
                                                 .kind = "not_finished"});
    } else {
      JobSpec spec = found->second.view.spec;
      spec.idempotency_key.clear();
      spec.retry_of = job;
      result = make(spec);
    }
  }
  answer([done, result] { done(result); });
}

void FakeControllerApi::explain(JobId job, Callback<core::Explanation> done) {
  const auto view = get(job);
  Result<core::Explanation> result = core::Explanation{};
  if (!view) {
    result = Result<core::Explanation>(view.error());
  } else {
    result->job = job;
    result->state = view->record.state;
    result->summary = "it waits for memory";
    result->reasons.push_back({.code = "capacity",
                               .sentence = "agent a1 has 10 of 512 MiB free",
                               .agent = AgentId("a1"),
                               .resource = "memory",
                               .required = 512,
                               .available = 10,
                               .since = time_from_ms(1'500)});
  }
  answer([done, result] { done(result); });
}

void FakeControllerApi::drain(AgentId agent, bool enable, Callback<bool> done) {
  std::optional<AgentView> changed;
  {
    const MutexLock lock(mutex_);
    if (const auto found = agents_.find(agent); found != agents_.end()) {
      changed = found->second;
    }
  }
  if (changed) {
    changed->record.draining = enable;
    set_agent(*changed);
  }
  answer([done, enable] { done(enable); });
}

Result<std::vector<JobId>> FakeControllerApi::owed_callbacks(JobId after, std::int64_t limit) {
  const MutexLock lock(mutex_);
  std::vector<JobId> owed;
  for (auto job = jobs_.upper_bound(after);
       job != jobs_.end() && static_cast<std::int64_t>(owed.size()) < limit; ++job) {
    const JobRecord& record = job->second.view.record;
    if (record.has_callback && is_final(record.state) && !settled_.contains(job->first)) {
      owed.push_back(job->first);
    }
  }
  return owed;
}

Result<> FakeControllerApi::settle_callbacks(const std::vector<JobId>& jobs) {
  const MutexLock lock(mutex_);
  if (failure_) {
    return *failure_;
  }
  settled_.insert(jobs.begin(), jobs.end());
  return {};
}

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

Result<std::uint64_t> FakeControllerApi::watch(Watcher watcher) {
  const MutexLock lock(mutex_);
  watchers_.emplace(++last_id_, std::move(watcher));
  return last_id_;
}

void FakeControllerApi::unwatch(std::uint64_t id) {
  const MutexLock lock(mutex_);
  watchers_.erase(id);
}

output::ListenerId FakeControllerApi::listen_output(JobId job, output::OutputListener listener) {
  const MutexLock lock(mutex_);
  listeners_.emplace(++last_id_, std::pair(job, std::move(listener)));
  return last_id_;
}

void FakeControllerApi::unlisten_output(JobId, output::ListenerId id) {
  const MutexLock lock(mutex_);
  listeners_.erase(id);
}

Readiness FakeControllerApi::readiness() {
  const MutexLock lock(mutex_);
  return readiness_;
}

}  // namespace hearth::api::testing
