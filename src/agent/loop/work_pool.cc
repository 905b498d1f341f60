#include "agent/loop/work_pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/limits.h"

namespace hearth::agent {

Result<std::unique_ptr<WorkPool>> WorkPool::create(EventLoop& loop, int threads) {
  UniqueFd done_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!done_fd.valid()) {
    return system_error("start the agent's threads for file work (eventfd)", errno);
  }
  std::unique_ptr<WorkPool> pool(new WorkPool(loop, std::move(done_fd)));
  HEARTH_TRY(loop.add_fd(pool->done_fd_.get(), Interest::Read,
                         [raw = pool.get()](Ready) { raw->run_completions(); }));
  for (int i = 0; i < threads; ++i) {
    pool->threads_.emplace_back([raw = pool.get()] { raw->serve(); });
  }
  return pool;
}

WorkPool::~WorkPool() {
  loop_.remove_fd(done_fd_.get());
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

Result<> WorkPool::submit(Task work, Task completion) {
  const MutexLock lock(mutex_);
  if (std::ssize(waiting_) >= limits::kBlockingTasksMax) {
    return limit_exceeded("kBlockingTasksMax", limits::kBlockingTasksMax,
                          "too much file work of the agent waits; is its disk slow?");
  }
  waiting_.push_back(Job{.work = std::move(work), .completion = std::move(completion)});
  wake_.notify_one();
  return {};
}

std::size_t WorkPool::waiting() {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

void WorkPool::serve() {
  while (true) {
    Job job;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) {
        wake_.wait(mutex_);
      }
      if (stopping_) {
        return;
      }
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job.work();
    {
      const MutexLock lock(mutex_);
      completions_.push_back(std::move(job.completion));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = write(done_fd_.get(), &one, sizeof one);
  }
}

void WorkPool::run_completions() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t got = read(done_fd_.get(), &ignored, sizeof ignored);
  std::vector<Task> due;
  {
    const MutexLock lock(mutex_);
    due.swap(completions_);
  }
  for (const Task& completion : due) {
    completion();
  }
}

}  // namespace hearth::agent
