// What the test does in the place of agents and the scheduler.
#include "api/testing/fake_controller_api.h"

namespace hearth::api::testing {

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

void FakeControllerApi::add_upload(const std::string& id) {
  const MutexLock lock(mutex_);
  uploads_.insert(id);
}

}  // namespace hearth::api::testing
