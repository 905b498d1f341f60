#include "agent/probe/command_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace hearth::agent {
namespace {

constexpr int kKillPatienceMs = 1'000;
constexpr int kSignalExitBase = 128;
constexpr std::int64_t kNsPerMs = 1'000'000;

// Everything that posix_spawn wants destroyed.
class SpawnSettings {
 public:
  explicit SpawnSettings(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<std::unique_ptr<CommandRunner>> CommandRunner::create(Clock& clock, Options options) {
  UniqueFd cancel_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel_fd.valid()) {
    return system_error("make an eventfd", errno);
  }
  return std::unique_ptr<CommandRunner>(new CommandRunner(clock, options, std::move(cancel_fd)));
}

CommandRunner::CommandRunner(Clock& clock, Options options, UniqueFd cancel_fd)
    : clock_(clock), options_(options), cancel_fd_(std::move(cancel_fd)) {}

CommandRunner::~CommandRunner() {
  if (undead_ > 0) {
    waitpid(undead_, nullptr, WNOHANG);
  }
}

void CommandRunner::cancel() {
  eventfd_write(cancel_fd_.get(), 1);
}

Result<CommandAnswer> CommandRunner::run(const std::vector<std::string>& command) {
  if (undead_ > 0) {
    if (waitpid(undead_, nullptr, WNOHANG) == 0) {
      return unavailable(command.front() + " (pid " + std::to_string(undead_) +
                         ") hangs and cannot be killed");
    }
    undead_ = -1;
  }
  HEARTH_ASSIGN(const Child child, start(command));
  CommandAnswer answer;
  const Result<> collected = collect(child, answer.output);
  const Result<int> ended = end(child);
  if (!collected) {
    return collected.error().with_context("run " + command.front());
  }
  HEARTH_ASSIGN(answer.exit_code, ended);
  return answer;
}

Result<CommandRunner::Child> CommandRunner::start(const std::vector<std::string>& command) const {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_error("make a pipe for " + command.front(), errno);
  }
  Child child{.pid = -1, .pid_fd = {}, .output = UniqueFd(ends[0])};
  const UniqueFd write_end(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string language = "LANG=C";
  std::array<char*, 3> environment = {path.data(), language.data(), nullptr};
  const SpawnSettings settings(ends[1]);
  const int failed = posix_spawnp(&child.pid, command.front().c_str(), settings.actions(),
                                  settings.attributes(), arguments.data(), environment.data());
  if (failed != 0) {
    Error error = system_error("start " + command.front(), failed);
    if (failed == ENOENT) {
      error.code = ErrorCode::NotFound;
    }
    return error;
  }
  child.pid_fd.reset(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  return child;
}

// Until the program has ended; a child of its own that keeps the pipe open is not waited for.
Result<> CommandRunner::collect(const Child& child, std::string& output) const {
  const std::int64_t until_ns = clock_.monotonic_ns() + options_.deadline.count() * kNsPerMs;
  bool is_open = true;
  for (;;) {
    std::array<pollfd, 3> watched = {
        pollfd{.fd = cancel_fd_.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = child.pid_fd.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = is_open ? child.output.get() : -1, .events = POLLIN, .revents = 0}};
    const std::int64_t left_ms = (until_ns - clock_.monotonic_ns()) / kNsPerMs;
    if (left_ms <= 0) {
      return Error{.code = ErrorCode::DeadlineExceeded,
                   .message = "no answer within " + std::to_string(options_.deadline.count()) +
                              " ms, so it was killed"};
    }
    poll(watched.data(), watched.size(), static_cast<int>(left_ms));
    if (watched[0].revents != 0) {
      return Error{.code = ErrorCode::Cancelled, .message = "the agent stops"};
    }
    if (is_open) {
      HEARTH_ASSIGN(is_open, take_output(child, output));
    }
    // Without a pidfd the end of the output has to do.
    if (watched[1].revents != 0 || (!is_open && !child.pid_fd.valid())) {
      return {};
    }
  }
}

// Whether there may be more.
Result<bool> CommandRunner::take_output(const Child& child, std::string& output) const {
  std::array<char, 16 * 1024> buffer{};
  for (;;) {
    const ssize_t got = read(child.output.get(), buffer.data(), buffer.size());
    if (got <= 0) {
      return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    output.append(buffer.data(), static_cast<std::size_t>(got));
    if (std::ssize(output) > options_.output_bytes_max) {
      return Error{.code = ErrorCode::ResourceExhausted,
                   .message = "its output is longer than " +
                              std::to_string(options_.output_bytes_max) + " bytes"};
    }
  }
}

// The group first: its id is the program's until that is reaped.
Result<int> CommandRunner::end(const Child& child) {
  kill(-child.pid, SIGKILL);
  pollfd ended{.fd = child.pid_fd.get(), .events = POLLIN, .revents = 0};
  if (child.pid_fd.valid()) {
    poll(&ended, 1, kKillPatienceMs);
  }
  int status = 0;
  const pid_t reaped = waitpid(child.pid, &status, child.pid_fd.valid() ? WNOHANG : 0);
  if (reaped == 0) {
    undead_ = child.pid;
    return unavailable("pid " + std::to_string(child.pid) + " cannot be killed");
  }
  if (reaped < 0) {
    return system_error("wait for pid " + std::to_string(child.pid), errno);
  }
  return WIFSIGNALED(status) ? kSignalExitBase + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace hearth::agent
