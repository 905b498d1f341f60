#include "agent/launcher/helper/server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>
#include <variant>

#include "agent/launcher/helper/descendants.h"
#include "agent/launcher/protocol.h"

namespace hearth::agent::helper {
namespace {

constexpr std::uint64_t kSocketToken = 0;
constexpr std::uint64_t kSignalToken = 1;  // no child has pid 1, so other tokens are pids
constexpr int kOrdersPerTurn = 16;
constexpr std::int64_t kEndEverythingMs = 10'000;
constexpr long kPauseNs = 2'000'000;

void write_file(const std::string& path, std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
    close(fd);
  }
}

void kill_listed(const std::string& procs_path) {
  FILE* file = std::fopen(procs_path.c_str(), "re");
  if (file == nullptr) {
    return;
  }
  int pid = 0;
  while (std::fscanf(file, "%d", &pid) == 1) {
    if (pid > 1) {
      kill(pid, SIGKILL);
    }
  }
  std::fclose(file);
}

// glibc's posix_spawn, by which the helper was started, leaves the two signals it keeps for itself
// ignored, and jobs would inherit that. Its sigaction refuses them, hence the bare call.
void restore_internal_signals() {
  struct KernelAction {
    void (*handler)(int) = SIG_DFL;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    std::uint64_t mask = 0;
  };
  const KernelAction action;
  for (const int number : {32, 33}) {
    syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof action.mask);
  }
}

}  // namespace

std::int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000 + now.tv_nsec / 1'000'000;
}

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      self_(getpid()),
      buffer_(protocol::kInlineBytesMax + 64),
      templates_(options_.sandbox_templates) {}

Server::~Server() {
  for (const int fd : {epoll_fd_, signal_fd_, null_fd_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
}

int Server::run() {
  if (!prepare()) {
    std::fprintf(stderr, "hearth-launcher: cannot start: %s\n", std::strerror(errno));
    return 1;
  }
  while (!agent_gone_ && protocol_error_.empty()) {
    std::array<epoll_event, 64> events{};
    const int count =
        epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < count; ++i) {
      const std::uint64_t token = events.at(static_cast<std::size_t>(i)).data.u64;
      if (token == kSocketToken) {
        read_orders();
        flush();
      } else if (token == kSignalToken) {
        reap();
      } else if ((token & kBuilderToken) != 0) {
        finish_template(static_cast<pid_t>(token & ~kBuilderToken));
      } else {
        status_ready(static_cast<pid_t>(token));
      }
    }
    give_up_overdue();
  }
  if (!protocol_error_.empty()) {
    std::fprintf(stderr, "hearth-launcher: %s\n", protocol_error_.c_str());
  }
  end_everything();
  return protocol_error_.empty() ? 0 : 1;
}

bool Server::prepare() {
  // A session of its own, so that a terminal's Ctrl-C reaches only the agent, which drains.
  setsid();
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(number, SIG_IGN);
  }
  restore_internal_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  sigprocmask(SIG_SETMASK, &child_signal, nullptr);

  null_fd_ = open("/dev/null", O_RDWR | O_CLOEXEC);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  signal_fd_ = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  if (null_fd_ < 0 || epoll_fd_ < 0 || signal_fd_ < 0 ||
      fcntl(options_.socket_fd, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(options_.socket_fd, F_SETFL, O_NONBLOCK) != 0) {
    return false;
  }
  epoll_event socket_event{.events = EPOLLIN, .data = {.u64 = kSocketToken}};
  epoll_event signal_event{.events = EPOLLIN, .data = {.u64 = kSignalToken}};
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, options_.socket_fd, &socket_event) == 0 &&
         epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, signal_fd_, &signal_event) == 0;
}

void Server::read_orders() {
  for (int turn = 0; turn < kOrdersPerTurn && protocol_error_.empty(); ++turn) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * protocol::kDescriptorsMax)> control;
    iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    msghdr header{.msg_iov = &part,
                  .msg_iovlen = 1,
                  .msg_control = control.data(),
                  .msg_controllen = control.size()};
    const ssize_t got = recvmsg(options_.socket_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) {
      agent_gone_ = got == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
    Attachments attachments;
    for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr;
         part_header = CMSG_NXTHDR(&header, part_header)) {
      if (part_header->cmsg_level == SOL_SOCKET && part_header->cmsg_type == SCM_RIGHTS) {
        attachments.resize((part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(attachments.data(), CMSG_DATA(part_header), attachments.size() * sizeof(int));
      }
    }
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      protocol_error_ = "a packet from the agent was cut short (too many open descriptors?)";
    } else {
      obey(std::string_view(buffer_.data(), static_cast<std::size_t>(got)), attachments, false);
    }
    for (const int fd : attachments) {
      close(fd);
    }
  }
}

void Server::obey(std::string_view message, Attachments& attachments, bool attached) {
  auto order = protocol::decode_to_helper(message);
  if (!order) {
    protocol_error_ = order.error().message;
  } else if (auto* spawn = std::get_if<SpawnRequest>(&*order)) {
    start(std::move(*spawn), attachments);
  } else if (const auto* signal = std::get_if<protocol::SignalOrder>(&*order)) {
    // The pid is not reaped yet, so it cannot be another's.
    if (const auto found = pids_.find(signal->id); found != pids_.end()) {
      kill(found->second, signal->signal_number);
    }
  } else if (const auto* memory = std::get_if<protocol::Attached>(&*order); memory && !attached) {
    obey_attached(memory->bytes, attachments);
  } else {
    protocol_error_ = "the agent sent a message within a message";
  }
}

void Server::obey_attached(std::size_t bytes, Attachments& attachments) {
  std::string message(bytes, '\0');
  std::size_t have = 0;
  while (!attachments.empty() && have < bytes) {
    const ssize_t got =
        pread(attachments.back(), message.data() + have, bytes - have, static_cast<off_t>(have));
    if (got <= 0) {
      break;
    }
    have += static_cast<std::size_t>(got);
  }
  if (have < bytes) {
    protocol_error_ = "the agent attached less than it announced";
    return;
  }
  obey(message, attachments, true);
}

// False when the agent attached less than its request names.
bool Server::fill(ChildPlan& plan, const Attachments& attachments) {
  const SpawnRequest& request = plan.request;
  bool complete = true;
  const auto at = [&](int place, int otherwise) {
    if (place < 0) {
      return otherwise;
    }
    if (place >= static_cast<int>(attachments.size())) {
      complete = false;
      return -1;
    }
    return attachments[static_cast<std::size_t>(place)];
  };
  plan.groups = plan_entry(request.join_paths);
  plan.streams = {at(request.stdin_fd, null_fd_), at(request.stdout_fd, null_fd_),
                  at(request.stderr_fd, null_fd_)};
  for (const int place : request.extra_fds) {
    plan.extras.push_back(at(place, -1));
  }
  if (request.sandbox) {
    plan.scratch_fd = at(request.sandbox->scratch_fd, -1);
    plan.upload_fd = at(request.sandbox->upload_fd, -1);
  }
  return complete;
}

void Server::start(SpawnRequest request, const Attachments& attachments) {
  ChildPlan plan{.request = request, .helper_pid = self_};
  if (!fill(plan, attachments)) {
    protocol_error_ = "the agent attached fewer descriptors than it announced";
    return;
  }
  std::array<int, 2> status{-1, -1};
  SpawnOutcome failure;
  SandboxHold hold;
  pid_t pid = -1;
  if (pipe2(status.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    plan.status_fd = status[1];
    pid = request.sandbox ? fork_sandbox(plan, hold, failure) : fork_child(plan, failure);
    close(status[1]);
  } else {
    failure.message = system_error("make a pipe for " + request.command.front(), errno).message;
    failure.reason = Reason::SpawnFailed;
  }
  if (pid < 0) {
    if (status[0] >= 0) {
      close(status[0]);
    }
    failure.id = request.id;
    send(protocol::encode(failure));
    return;
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<std::uint64_t>(pid)}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, status[0], &event);
  const std::int64_t deadline = monotonic_ms() + options_.exec_deadline_ms;
  exec_deadlines_.emplace_back(deadline, pid);
  pids_[request.id] = pid;
  children_[pid] = Child{.request = std::move(request),
                         .status_fd = status[0],
                         .hold = std::move(hold),
                         .exec_deadline_ms = deadline};
}

pid_t Server::fork_child(ChildPlan& plan, SpawnOutcome& failure) {
  const pid_t pid = fork_into(plan.groups, 0);
  if (pid == 0) {
    run_child(plan);
  }
  if (pid < 0) {
    const Error error = system_error("fork a process for " + plan.request.command.front(), errno);
    failure = {
        .reason = Reason::SpawnFailed, .sys_errno = error.sys_errno, .message = error.message};
  }
  return pid;
}

void Server::status_ready(pid_t pid) {
  if (const auto found = children_.find(pid);
      found != children_.end() && found->second.status_fd >= 0) {
    settle(pid, found->second);
  }
}

// Children forked since hold copies of the descriptor until they exec: closing alone would leave it
// in the epoll set, reporting its hang-up without end.
void Server::close_status(Child& child) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, child.status_fd, nullptr);
  close(child.status_fd);
  child.status_fd = -1;
}

// Tells the agent whether exec succeeded. Called when the status pipe has something to say: at its
// end, at a report, or when the child is dead.
void Server::settle(pid_t pid, Child& child) {
  ChildFailure failure;
  const ssize_t got = read(child.status_fd, &failure, sizeof failure);
  close_status(child);
  SpawnOutcome outcome{.id = child.request.id, .pid = pid};
  if (got == static_cast<ssize_t>(sizeof failure)) {
    outcome = explain(child.request, failure);
    child.given_up = true;
  } else if (got != 0) {
    outcome = SpawnOutcome{.id = child.request.id,
                           .reason = Reason::SpawnFailed,
                           .message = "start " + child.request.command.front() +
                                      ": its process died before the program began"};
    child.given_up = true;
  }
  if (child.given_up) {
    pids_.erase(child.request.id);
  } else if (child.request.sandbox) {
    prepare_template(*child.request.sandbox);
  }
  child.request.command.clear();
  child.request.env = {};
  send(protocol::encode(outcome));
}

void Server::reap() {
  std::array<signalfd_siginfo, 16> drained;
  while (read(signal_fd_, drained.data(), sizeof drained) == sizeof drained) {
  }
  int status = 0;
  rusage usage{};
  for (pid_t pid = 0; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    const auto found = children_.find(pid);
    if (found == children_.end()) {
      continue;  // an orphan of some job: adopted, and reaped so that it does not stay a zombie
    }
    if (found->second.status_fd >= 0) {
      settle(pid, found->second);
    }
    std::optional<ExitOutcome> end;
    if (!found->second.given_up) {
      end = exit_of(found->second, status, usage);
      pids_.erase(end->id);
    }
    networks_.give_back(std::move(found->second.hold.network));
    children_.erase(found);
    if (end) {  // told when nothing of it is left here either
      send(protocol::encode(*end));
    }
  }
}

ExitOutcome Server::exit_of(const Child& child, int status, const rusage& usage) {
  ExitOutcome outcome{
      .id = child.request.id,
      .cpu_us = cpu_us_of(usage),
      .max_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1'024,
  };
  if (child.hold.control.valid()) {
    if (const auto end = read_end(child.hold.control.get())) {
      status = end->wait_status;
      outcome.cpu_us = end->cpu_us;
      outcome.max_rss_bytes = end->max_rss_bytes;
    }
  }
  if (WIFSIGNALED(status)) {
    outcome.signal = WTERMSIG(status);
  } else {
    outcome.exit_code = WEXITSTATUS(status);
  }
  return outcome;
}

// A child that hangs between fork and exec (a dead file system) is killed and reported; others are
// started meanwhile, since each does all of its file work itself.
void Server::give_up_overdue() {
  const std::int64_t now = monotonic_ms();
  while (!exec_deadlines_.empty() && exec_deadlines_.front().first <= now) {
    const auto [deadline, pid] = exec_deadlines_.front();
    exec_deadlines_.pop_front();
    const auto found = children_.find(pid);
    if (found == children_.end() || found->second.status_fd < 0 ||
        found->second.exec_deadline_ms != deadline) {
      continue;  // it runs, or it ended and another has its pid
    }
    Child& child = found->second;
    kill(pid, SIGKILL);
    close_status(child);
    child.given_up = true;
    pids_.erase(child.request.id);
    send(protocol::encode(SpawnOutcome{
        .id = child.request.id,
        .reason = Reason::SpawnFailed,
        .sys_errno = ETIMEDOUT,
        .message = "start " + child.request.command.front() + ": not begun within " +
                   std::to_string(options_.exec_deadline_ms) +
                   " ms; does the file system of the command or its directory respond?"}));
  }
}

int Server::wait_ms() const {
  if (exec_deadlines_.empty()) {
    return -1;
  }
  const std::int64_t left = exec_deadlines_.front().first - monotonic_ms();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Server::send(std::string packet) {
  unsent_.push_back(std::move(packet));
  flush();
}

void Server::flush() {
  const bool was_waiting = unsent_.size() > 1;
  while (!unsent_.empty()) {
    const std::string& packet = unsent_.front();
    if (::send(options_.socket_fd, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno != EAGAIN) {
        agent_gone_ = true;
        unsent_.clear();
      }
      break;
    }
    unsent_.pop_front();
  }
  if (!unsent_.empty() || was_waiting) {
    const std::uint32_t events = unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
    epoll_event event{.events = events, .data = {.u64 = kSocketToken}};
    epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, options_.socket_fd, &event);
  }
}

void Server::end_everything() {
  const std::int64_t deadline = monotonic_ms() + kEndEverythingMs;
  for (const auto& [pid, child] : children_) {
    kill_group(child.request);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }
  while (monotonic_ms() < deadline) {
    pid_t reaped = 0;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0) {
      return;  // no child, and so, as orphans become children, nothing at all
    }
    kill_descendants(self_);
    // Waits for SIGCHLD, or a moment: a grandchild's end is not told to us.
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    const timespec moment{.tv_sec = 0, .tv_nsec = kPauseNs};
    sigtimedwait(&child_signal, nullptr, &moment);
  }
}

void Server::kill_group(const SpawnRequest& request) {
  for (const std::string& path : request.kill_paths) {
    if (!path.ends_with("/freezer.state")) {
      write_file(path, "1");
      continue;
    }
    write_file(path, "FROZEN");
    kill_listed(path.substr(0, path.rfind('/')) + "/cgroup.procs");
    write_file(path, "THAWED");
  }
}

}  // namespace hearth::agent::helper
