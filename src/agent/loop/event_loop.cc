#include "agent/loop/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>

#include "base/check.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::uint64_t kWakeToken = 0;  // no watch has generation 0
constexpr int kEventsPerTurn = 64;
constexpr std::int64_t kNsPerMs = 1'000'000;

std::uint64_t token_of(std::uint32_t generation, int fd) {
  return (static_cast<std::uint64_t>(generation) << 32U) | static_cast<std::uint32_t>(fd);
}

std::uint32_t epoll_events(Interest interest) {
  std::uint32_t events = 0;
  if (interest == Interest::Read || interest == Interest::ReadWrite) {
    events |= EPOLLIN;
  }
  if (interest == Interest::Write || interest == Interest::ReadWrite) {
    events |= EPOLLOUT;
  }
  return events;
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create(Clock& clock) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) {
    return system_error("create the agent's event loop (epoll_create1)", errno);
  }
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const int error = errno;
    close(epoll_fd);
    return system_error("create the agent's event loop (eventfd)", error);
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeToken}};
  HEARTH_CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) == 0,
               "an eventfd can be watched");
  return std::unique_ptr<EventLoop>(new EventLoop(clock, epoll_fd, wake_fd));
}

EventLoop::EventLoop(Clock& clock, int epoll_fd, int wake_fd)
    : clock_(clock), epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}

EventLoop::~EventLoop() {
  close(wake_fd_);
  close(epoll_fd_);
}

Result<> EventLoop::add_fd(int fd, Interest interest, FdHandler handler) {
  if (watches_.contains(fd)) {
    return Error{.code = ErrorCode::AlreadyExists,
                 .message = "descriptor " + std::to_string(fd) + " is watched already"};
  }
  const std::uint32_t generation = next_generation_++;
  if (next_generation_ == 0) {
    next_generation_ = 1;
  }
  epoll_event event{.events = epoll_events(interest), .data = {.u64 = token_of(generation, fd)}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error = errno;
    Error failure = system_error("watch descriptor " + std::to_string(fd), error);
    if (error == EPERM || error == EBADF) {
      failure.code = ErrorCode::InvalidArgument;
    }
    return failure;
  }
  watches_.emplace(fd, Watch{.generation = generation,
                             .handler = std::make_shared<FdHandler>(std::move(handler))});
  return {};
}

Result<> EventLoop::set_interest(int fd, Interest interest) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) {
    return not_found("descriptor " + std::to_string(fd) + " is not watched");
  }
  epoll_event event{.events = epoll_events(interest),
                    .data = {.u64 = token_of(found->second.generation, fd)}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) {
    return system_error("change what is watched on descriptor " + std::to_string(fd), errno);
  }
  return {};
}

void EventLoop::remove_fd(int fd) {
  if (watches_.erase(fd) > 0) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  }
}

TimerId EventLoop::set_timer(Duration after, Task task) {
  const TimerId id = next_timer_++;
  const std::int64_t now = clock_.monotonic_ns();
  const std::int64_t room = (std::numeric_limits<std::int64_t>::max() - now) / kNsPerMs;
  const std::int64_t deadline = now + std::clamp<std::int64_t>(after.count(), 0, room) * kNsPerMs;
  deadlines_.emplace(id, deadline);
  timers_.emplace(std::pair(deadline, id), std::move(task));
  return id;
}

void EventLoop::cancel_timer(TimerId id) {
  const auto found = deadlines_.find(id);
  if (found != deadlines_.end()) {
    timers_.erase(std::pair(found->second, id));
    deadlines_.erase(found);
  }
}

std::size_t EventLoop::posted() {
  const MutexLock lock(mutex_);
  return posted_.size();
}

Result<> EventLoop::post(Task task) {
  {
    const MutexLock lock(mutex_);
    if (std::ssize(posted_) >= limits::kLoopPostedMax) {
      return limit_exceeded("kLoopPostedMax", limits::kLoopPostedMax,
                            "the agent's loop has too much waiting; try again later");
    }
    posted_.push_back(std::move(task));
    if (posted_.size() > 1) {
      return {};  // whoever posted the first has woken it
    }
  }
  wake();
  return {};
}

void EventLoop::run() {
  while (run_once(Duration::max())) {
  }
}

bool EventLoop::run_once(Duration wait) {
  std::array<epoll_event, kEventsPerTurn> events{};
  const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, wait_ms(wait.count()));
  HEARTH_CHECK(count >= 0 || errno == EINTR, "epoll_wait fails only by a signal");
  run_timers();
  for (int i = 0; i < count; ++i) {
    const auto& event = events.at(static_cast<std::size_t>(i));
    dispatch(event.data.u64, event.events);
  }
  return run_posted();
}

void EventLoop::stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  wake();
}

int EventLoop::wait_ms(std::int64_t wait_ms_max) const {
  std::int64_t wait = wait_ms_max;
  if (!timers_.empty()) {
    const std::int64_t left_ns = timers_.begin()->first.first - clock_.monotonic_ns();
    // Rounded up: waking a moment before the deadline would spin.
    wait = std::min(wait, std::max<std::int64_t>(0, (left_ns + kNsPerMs - 1) / kNsPerMs));
  }
  return wait > std::numeric_limits<int>::max() ? -1 : static_cast<int>(wait);
}

void EventLoop::dispatch(std::uint64_t token, std::uint32_t events) {
  if (token == kWakeToken) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(wake_fd_, &ignored, sizeof ignored);
    return;
  }
  const auto found = watches_.find(static_cast<int>(token & 0xffffffffU));
  if (found == watches_.end() || found->second.generation != token >> 32U) {
    return;  // removed by a handler of this same turn
  }
  const std::shared_ptr<FdHandler> handler = found->second.handler;
  (*handler)(Ready{.readable = (events & EPOLLIN) != 0,
                   .writable = (events & EPOLLOUT) != 0,
                   .closed = (events & (EPOLLHUP | EPOLLERR)) != 0});
}

void EventLoop::run_timers() {
  if (timers_.empty()) {
    return;
  }
  const std::int64_t now = clock_.monotonic_ns();
  // Timers set by these tasks wait for the next turn, so that a timer of 0 cannot starve the rest.
  const TimerId end = next_timer_;
  for (auto next = timers_.begin(); next != timers_.end() && next->first.first <= now;) {
    if (next->first.second >= end) {
      ++next;
      continue;
    }
    const Task task = std::move(next->second);
    deadlines_.erase(next->first.second);
    timers_.erase(next);
    task();
    next = timers_.begin();
  }
}

bool EventLoop::run_posted() {
  std::vector<Task> tasks;
  bool stopped = false;
  {
    const MutexLock lock(mutex_);
    tasks.swap(posted_);
    stopped = stopped_;
  }
  for (const Task& task : tasks) {
    task();
  }
  return !stopped;
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  // Only a counter near 2^64 could refuse, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t put = write(wake_fd_, &one, sizeof one);
}

}  // namespace hearth::agent
