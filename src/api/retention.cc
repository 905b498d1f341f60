#include "api/retention.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hearth::api {

void Retention::start() {
  thread_ = std::thread([this] { run(); });
}

void Retention::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Retention::wake() {
  const MutexLock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Retention::run() {
  while (rest(step())) {
  }
}

// False when it is time to stop.
bool Retention::rest(Duration length) {
  const MutexLock lock(mutex_);
  if (!stopping_ && !woken_) {
    changed_.wait_for(mutex_, length);  // to end early is harmless
  }
  woken_ = false;
  return !stopping_;
}

Duration Retention::step() {
  const std::int64_t started = deps_.clock.monotonic_ns();
  if (deps_.uploads != nullptr) {
    deps_.uploads->sweep();
  }
  Result<bool> removed = remove_past();
  const bool walks = part_ < output::kOutputParts;
  for (std::uint32_t i = 0;
       removed && i < limits::kRetentionStepFolders && part_ < output::kOutputParts; ++i) {
    if (const Result<> walked = remove_orphans(); !walked) {
      removed = walked.error();
    }
  }
  if (!removed) {
    if (!std::exchange(failing_, true)) {
      deps_.log.warn("what is past cannot be removed now; it is tried again",
                     {{"error", removed.error().message}});
    }
    return limits::kRetentionInterval;
  }
  failing_ = false;
  const Duration took((deps_.clock.monotonic_ns() - started) / 1'000'000 + 1);
  return *removed || walks ? took : std::max(took, limits::kRetentionInterval);
}

void Retention::note_past(const Past& past) {
  deps_.metrics.past_finished_jobs.store(past.finished_jobs);
  deps_.metrics.past_output_bytes.store(past.output_bytes);
  deps_.metrics.past_events.store(past.events);
  deps_.metrics.past_pages.store(past.pages);
  deps_.metrics.past_free_pages.store(past.free_pages);
}

// True when there may be more.
Result<bool> Retention::remove_past() {
  HEARTH_ASSIGN(const Past past,
                deps_.reader.past(limits::kRetentionStepJobs, limits::kRetentionStepEvents));
  note_past(past);
  const TimePoint now = time_.read(deps_.clock.now(), deps_.clock.monotonic_ns(), past.newest_at);
  const Removal removal = core::decide_removal(limits_, past, now);
  if (removal.empty()) {
    return false;
  }
  const store::RemoveOutcome done = deps_.writer.remove(removal);
  if (done.outcome.status != store::AppendStatus::Durable) {
    return done.outcome.error;
  }
  deps_.metrics.removed_jobs.fetch_add(done.jobs.size());
  deps_.on_removed(done.jobs);
  Result<> deleted;
  for (const store::RemovedJob& job : done.jobs) {
    if (Result<> one = deps_.outputs.remove(job.id); !one) {
      deleted = std::move(one);
      part_ = 0;  // only a walk finds it now
    }
  }
  HEARTH_TRY(deleted);
  return true;
}

// A job with output is in the store since before its output came.
Result<> Retention::remove_orphans() {
  HEARTH_ASSIGN(const std::vector<JobId> jobs, deps_.outputs.jobs_in_part(part_));
  std::map<JobId, JobState> known;
  if (!jobs.empty()) {
    HEARTH_ASSIGN(known, deps_.reader.states(jobs));
  }
  for (const JobId job : jobs) {
    if (!known.contains(job)) {
      HEARTH_TRY(deps_.outputs.remove(job));
    }
  }
  ++part_;
  return {};
}

}  // namespace hearth::api
