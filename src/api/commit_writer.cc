#include "api/commit_writer.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hearth::api {
namespace {

Error storage_error(const Error& cause, const std::string& consequence) {
  Error error = cause;
  error.code = ErrorCode::Unavailable;
  error.kind = "storage_unavailable";
  error.message = "the job store does not take writes (" + cause.message + "); " + consequence;
  return error;
}

}  // namespace

CommitWriter::CommitWriter(Deps deps, Options options)
    : deps_(std::move(deps)), options_(options) {}

CommitWriter::~CommitWriter() {
  stop();
}

void CommitWriter::start() {
  thread_ = std::thread([this] { run(); });
}

void CommitWriter::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool CommitWriter::has_room() {
  const MutexLock lock(mutex_);
  return waiting_.size() < options_.turns_max && waiting_events_ < options_.events_max;
}

std::size_t CommitWriter::waiting() {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

std::size_t CommitWriter::waiting_events() {
  const MutexLock lock(mutex_);
  return waiting_events_;
}

bool CommitWriter::is_much_locked() {
  return waiting_.size() >= std::min(kCommitGatherTurnsMax, options_.turns_max) ||
         waiting_events_ >= std::min(kCommitGatherEventsMax, options_.events_max);
}

void CommitWriter::push(Turn turn) {
  std::optional<Error> refused;
  bool taken = false;
  bool is_awaited = true;
  {
    const MutexLock lock(mutex_);
    taken = !ended_;
    if (taken) {
      waiting_events_ += turn.changes.events.size();
      waiting_.push_back(std::move(turn));
      is_awaited = !is_gathering_ || is_much_locked();
    } else {
      refused = trouble_;
    }
  }
  if (!taken) {
    answer_error(turn, refused.value_or(unavailable("the controller stops")));
  } else if (is_awaited) {
    changed_.notify_all();  // without the lock, which the writer wants at once
  }
}

std::optional<Error> CommitWriter::trouble() {
  const MutexLock lock(mutex_);
  return trouble_;
}

store::RemoveOutcome CommitWriter::remove(const Removal& removal) {
  const MutexLock lock(mutex_);
  while (removal_ != nullptr) {
    changed_.wait(mutex_);  // of another thread
  }
  if (!ended_ && !stopping_) {
    removal_ = &removal;
    changed_.notify_all();
    while (!removed_ && !ended_) {
      changed_.wait(mutex_);
    }
    removal_ = nullptr;
    changed_.notify_all();
  }
  store::RemoveOutcome outcome{.outcome = {.status = store::AppendStatus::NotDone,
                                           .error = unavailable("the controller stops")},
                               .jobs = {}};
  if (removed_) {
    outcome = *std::exchange(removed_, std::nullopt);
  }
  return outcome;
}

bool CommitWriter::next(std::vector<Turn>& turns, const Removal*& removal) {
  const MutexLock lock(mutex_);
  const auto has_removal = [this]() HEARTH_REQUIRES(mutex_) {
    return removal_ != nullptr && !removed_ && !stopping_;
  };
  while (waiting_.empty() && !has_removal() && !stopping_) {
    changed_.wait(mutex_);
  }
  if (last_turns_ >= kCommitBusyTurns && !is_much_locked() && !has_removal() && !stopping_) {
    is_gathering_ = true;
    changed_.wait_for(mutex_, options_.gather);  // woken for nothing it is only a smaller append
    is_gathering_ = false;
  }
  turns.swap(waiting_);
  last_turns_ = turns.size();
  waiting_events_ = 0;
  removal = has_removal() ? removal_ : nullptr;
  return !turns.empty() || removal != nullptr;
}

void CommitWriter::run() {
  bool goes_on = true;
  while (goes_on) {
    std::vector<Turn> turns;
    const Removal* removal = nullptr;
    if (!next(turns, removal)) {
      break;
    }
    if (!turns.empty()) {
      deps_.on_change();
      goes_on = commit(turns);
      if (goes_on) {
        deps_.release(turns);
      }
    }
    if (goes_on && removal != nullptr) {
      goes_on = remove_now(*removal);
    }
  }
  end();
}

// What cannot be removed now is no trouble of anybody else; what is broken is everybody's.
bool CommitWriter::remove_now(const Removal& removal) {
  store::RemoveOutcome outcome = deps_.store.remove(removal);
  for (const store::RemovedJob& job : outcome.jobs) {
    deps_.versions.changed(job.id);
  }
  const bool is_fatal = outcome.outcome.status == store::AppendStatus::Fatal;
  if (is_fatal) {
    set_trouble(storage_error(outcome.outcome.error, "ask again after the controller's restart"));
    deps_.on_fatal(outcome.outcome.error);
  }
  const MutexLock lock(mutex_);
  removed_ = std::move(outcome);
  changed_.notify_all();
  return !is_fatal;
}

void CommitWriter::end() {
  std::vector<Turn> left;
  std::optional<Error> why;
  {
    const MutexLock lock(mutex_);
    ended_ = true;
    left.swap(waiting_);
    why = trouble_;
    changed_.notify_all();
  }
  for (Turn& turn : left) {
    answer_error(turn, why.value_or(unavailable("the controller stops")));
  }
}

bool CommitWriter::commit(std::vector<Turn>& turns) {
  std::vector<const ChangeSet*> changes;
  for (const Turn& turn : turns) {
    if (!turn.changes.empty()) {
      changes.push_back(&turn.changes);
    }
  }
  if (changes.empty()) {
    return true;
  }
  Duration delay = options_.retry_initial;
  while (true) {
    const std::int64_t started = deps_.clock.monotonic_ns();
    const store::AppendOutcome outcome = deps_.store.append(changes);
    if (outcome.status == store::AppendStatus::Durable) {
      for (const ChangeSet* each : changes) {
        deps_.versions.changed(*each);
      }
      deps_.metrics.commit.observe_ns(deps_.clock.monotonic_ns() - started);
      set_trouble(std::nullopt);
      return true;
    }
    const bool is_fatal = outcome.status == store::AppendStatus::Fatal;
    if (is_fatal) {
      set_trouble(storage_error(outcome.error,
                                "whether this was stored is not known: ask again after the "
                                "controller's restart, with the idempotency key if there is one"));
      deps_.on_fatal(outcome.error);
    } else {
      deps_.metrics.commits_not_done.fetch_add(1);
      set_trouble(storage_error(outcome.error, "nothing was changed, try again later"));
    }
    if (is_fatal || !wait_before_retry(delay)) {
      const Error why = trouble().value_or(outcome.error);
      for (Turn& turn : turns) {
        answer_error(turn, why);
      }
      return false;
    }
    delay = std::min(delay * 2, options_.retry_max);
  }
}

bool CommitWriter::wait_before_retry(Duration delay) {
  const MutexLock lock(mutex_);
  if (!stopping_) {
    changed_.wait_for(mutex_, delay);
  }
  return !stopping_;
}

void CommitWriter::set_trouble(std::optional<Error> error) {
  bool begins = false;
  bool ends = false;
  {
    const MutexLock lock(mutex_);
    begins = error.has_value() && !trouble_.has_value();
    ends = !error.has_value() && trouble_.has_value();
    trouble_ = error;
  }
  if (begins) {
    deps_.log.error("the job store does not take writes", {{"error", error->message}});
  } else if (ends) {
    deps_.log.info("the job store takes writes again");
  }
  if (begins || ends) {
    deps_.on_change();
  }
}

}  // namespace hearth::api
