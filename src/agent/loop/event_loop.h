// The agent's one loop thread: descriptors, timers and functions posted by other threads.
//
// A plain epoll loop, level-triggered, so that a handler may read a bounded amount and come back:
// that is what keeps a hundred jobs' output fair. Handlers run on the thread that called run() and
// must not block. Everything but post() and stop() belongs to that thread (or to the time before
// run()); a handler may add and remove any descriptor or timer, its own included.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "base/time.h"

namespace hearth::agent {

enum class Interest : std::uint8_t { None = 0, Read = 1, Write = 2, ReadWrite = 3 };

// `closed`: the other side hung up or the descriptor is in error; bytes may still be readable.
struct Ready {
  bool readable = false;
  bool writable = false;
  bool closed = false;
};

using FdHandler = std::function<void(Ready)>;
using Task = std::function<void()>;
using TimerId = std::uint64_t;

class EventLoop {
 public:
  // `clock` gives the monotonic time of timers and outlives the loop.
  static Result<std::unique_ptr<EventLoop>> create(Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // `fd` stays the caller's and must be removed before it is closed. AlreadyExists when it is
  // watched; InvalidArgument for what epoll cannot watch (a regular file).
  Result<> add_fd(int fd, Interest interest, FdHandler handler);
  Result<> set_interest(int fd, Interest interest);
  void remove_fd(int fd);

  // Once, `after` from now (0 or less: at the next turn). Equal deadlines run in the order set.
  TimerId set_timer(Duration after, Task task);
  // Does nothing when it ran or was cancelled.
  void cancel_timer(TimerId id);

  // Runs `task` on the loop, in the order posted. Any thread, never blocks. ResourceExhausted when
  // limits::kLoopPostedMax wait already.
  Result<> post(Task task);
  // How many wait. Any thread.
  [[nodiscard]] std::size_t posted();

  // Until stop(). What was posted before stop() has run by then.
  void run();
  // One turn: what is ready now, waiting at most `wait`. For tests and for a shell that has its own
  // loop. False when stop() was called.
  bool run_once(Duration wait);
  // Any thread.
  void stop();

  [[nodiscard]] std::size_t watched_fds() const { return watches_.size(); }

 private:
  struct Watch {
    std::uint32_t generation = 0;
    std::shared_ptr<FdHandler> handler;
  };

  EventLoop(Clock& clock, int epoll_fd, int wake_fd);
  [[nodiscard]] int wait_ms(std::int64_t wait_ms_max) const;
  void dispatch(std::uint64_t token, std::uint32_t events);
  void run_timers();
  bool run_posted();
  void wake();

  Clock& clock_;
  int epoll_fd_;
  int wake_fd_;
  std::uint32_t next_generation_ = 1;
  std::unordered_map<int, Watch> watches_;
  TimerId next_timer_ = 1;
  std::map<std::pair<std::int64_t, TimerId>, Task> timers_;  // by deadline in monotonic ns
  std::unordered_map<TimerId, std::int64_t> deadlines_;
  Mutex mutex_;
  std::vector<Task> posted_ HEARTH_GUARDED_BY(mutex_);
  bool stopped_ HEARTH_GUARDED_BY(mutex_) = false;
};

}  // namespace hearth::agent
