// A few threads for work that may wait for a disk, so that the loop never does.
//
// Used from the loop thread. A task runs on any of the threads; its completion runs on the loop
// afterwards. The destructor waits for tasks that run, drops those that wait, and runs no
// completion any more.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "agent/loop/event_loop.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "base/unique_fd.h"

namespace hearth::agent {

class WorkPool {
 public:
  static Result<std::unique_ptr<WorkPool>> create(EventLoop& loop, int threads);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // ResourceExhausted when limits::kBlockingTasksMax wait already.
  Result<> submit(Task work, Task completion);
  // How many wait. Any thread.
  [[nodiscard]] std::size_t waiting();

 private:
  struct Job {
    Task work;
    Task completion;
  };

  WorkPool(EventLoop& loop, UniqueFd done_fd) : loop_(loop), done_fd_(std::move(done_fd)) {}
  void serve();
  void run_completions();

  EventLoop& loop_;
  UniqueFd done_fd_;  // an eventfd: completions wait
  Mutex mutex_;
  Condition wake_;
  std::deque<Job> waiting_ HEARTH_GUARDED_BY(mutex_);
  std::vector<Task> completions_ HEARTH_GUARDED_BY(mutex_);
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth::agent
