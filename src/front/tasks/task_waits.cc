#include "front/tasks/task_waits.h"

#include <utility>

namespace hearth::tasks {

namespace {

void call(const std::vector<TaskWaits::Done>& over) {
  for (const TaskWaits::Done& done : over) {
    done();
  }
}

}  // namespace

Result<std::shared_ptr<void>> TaskWaits::reserve(std::size_t tasks) {
  const auto count = static_cast<std::int64_t>(tasks);
  const MutexLock lock(mutex_);
  if (reserved_ + count > waits_max_) {
    Error error = limit_exceeded("task_waits_max", waits_max_,
                                 "too many tasks are waited for; ask without wait, and again");
    error.kind = "rate_limited";
    return error;
  }
  reserved_ += count;
  return std::shared_ptr<void>(nullptr, [this, count](void*) {
    const MutexLock release(mutex_);
    reserved_ -= count;
  });
}

void TaskWaits::add(const std::vector<JobId>& jobs, std::uint64_t ticks, Done done) {
  {
    const MutexLock lock(mutex_);
    if (!stopped_ && !jobs.empty()) {
      const Id id = ++last_id_;
      // The present tick is partly over already.
      const std::uint64_t last_tick = now_ + ticks + 1;
      for (const JobId job : std::set<JobId>(jobs.begin(), jobs.end())) {
        by_job_.emplace(job, id);
      }
      by_tick_.emplace(last_tick, id);
      waits_.emplace(id, Wait{.left = {jobs.begin(), jobs.end()},
                              .last_tick = last_tick,
                              .done = std::move(done)});
      return;
    }
  }
  done();
}

void TaskWaits::ended(const std::vector<JobId>& jobs) {
  std::vector<Done> over;
  {
    const MutexLock lock(mutex_);
    for (const JobId job : jobs) {
      const auto [first, last] = by_job_.equal_range(job);
      std::vector<Id> whole;
      for (auto found = first; found != last; ++found) {
        Wait& wait = waits_.at(found->second);
        wait.left.erase(job);
        if (wait.left.empty()) {
          whole.push_back(found->second);
        }
      }
      by_job_.erase(first, last);
      for (const Id id : whole) {
        finish(id, over);
      }
    }
  }
  call(over);
}

void TaskWaits::tick() {
  std::vector<Done> over;
  {
    const MutexLock lock(mutex_);
    ++now_;
    while (!by_tick_.empty() && by_tick_.begin()->first <= now_) {
      finish(by_tick_.begin()->second, over);
    }
  }
  call(over);
}

void TaskWaits::stop() {
  std::vector<Done> over;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    while (!waits_.empty()) {
      finish(waits_.begin()->first, over);
    }
  }
  call(over);
}

std::int64_t TaskWaits::waiting() const {
  const MutexLock lock(mutex_);
  return static_cast<std::int64_t>(waits_.size());
}

void TaskWaits::finish(Id id, std::vector<Done>& over) {
  const auto found = waits_.find(id);
  Wait& wait = found->second;
  for (const JobId job : wait.left) {
    const auto [first, last] = by_job_.equal_range(job);
    for (auto entry = first; entry != last; ++entry) {
      if (entry->second == id) {
        by_job_.erase(entry);
        break;
      }
    }
  }
  by_tick_.erase({wait.last_tick, id});
  over.push_back(std::move(wait.done));
  waits_.erase(found);
}

}  // namespace hearth::tasks
