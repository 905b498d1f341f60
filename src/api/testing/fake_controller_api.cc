#include "api/testing/fake_controller_api.h"

#include "base/check.h"

namespace hearth::api::testing {

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
