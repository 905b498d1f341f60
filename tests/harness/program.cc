#include "tests/harness/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/clock.h"
#include "tests/harness/scratch.h"

namespace hearth::harness {

namespace {

constexpr int kNotStarted = 127;

std::int64_t deadline_in(Duration patience) {
  return SystemClock().monotonic_ns() + std::chrono::nanoseconds(patience).count();
}

int left_ms(std::int64_t deadline_ns) {
  const std::int64_t left = (deadline_ns - SystemClock().monotonic_ns()) / 1'000'000;
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

struct Start {
  char** arguments = nullptr;
  char** variables = nullptr;
  const char* directory = nullptr;  // null: the test's
  std::array<int, 3> streams{};
};

// Between fork and exec, so with bare calls only. A test that crashes runs no destructors: the
// kernel ends its programs then. It may have crashed before the kernel was asked, hence the look at
// the parent.
[[noreturn]] void become(const Start& start, pid_t test, int failed_fd) {
  const bool dies_with_test = ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == test;
  if (dies_with_test && (start.directory == nullptr || ::chdir(start.directory) == 0) &&
      ::dup2(start.streams[0], 0) == 0 && ::dup2(start.streams[1], 1) == 1 &&
      ::dup2(start.streams[2], 2) == 2) {
    ::execvpe(start.arguments[0], start.arguments, start.variables);
  }
  const int failed = errno;
  [[maybe_unused]] const ssize_t told = ::write(failed_fd, &failed, sizeof failed);
  ::_exit(kNotStarted);
}

// The program's pid, or -1 and a failed test. Its life hangs on the thread that calls this.
pid_t spawn(const Start& start) {
  std::array<int, 2> failure{-1, -1};
  EXPECT_EQ(::pipe2(failure.data(), O_CLOEXEC), 0);
  const UniqueFd told(failure[0]);
  UniqueFd tell(failure[1]);
  const pid_t test = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(start, test, tell.get());
  }
  tell.reset();
  int failed = 0;
  if (pid > 0 && ::read(told.get(), &failed, sizeof failed) == 0) {
    return pid;
  }
  ADD_FAILURE() << "start " << start.arguments[0] << ": "
                << std::strerror(pid < 0 ? errno : failed);
  if (pid > 0) {
    ::waitpid(pid, nullptr, 0);
  }
  return -1;
}

// What tells the logs of a test apart: "hearth-agent-a", "sh".
std::string name_of_log(const std::vector<std::string>& command) {
  std::string name = command.front().substr(command.front().rfind('/') + 1);
  const auto id = std::find(command.begin(), command.end(), "--id");
  const std::string what = command.size() > 1 ? command[1] : "";
  const std::string who = command.end() - id > 1 ? *(id + 1) : "";
  for (const std::string& part : {what, who}) {
    if (!part.empty() && part.front() != '-' &&
        part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos) {
      name += "-" + part;
    }
  }
  return name;
}

UniqueFd file_of(const std::string& bytes) {
  UniqueFd file(::memfd_create("stdin", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace

Program::Program(const std::string& scratch, std::vector<std::string> command, Options options) {
  const std::string log = name_of_log(command) + "-XXXXXX";
  std::string out_name = scratch + "/" + Scratch::kOut + log;
  std::string err_name = scratch + "/" + Scratch::kErr + log;
  const UniqueFd out(::mkostemp(out_name.data(), O_CLOEXEC));
  const UniqueFd err(::mkostemp(err_name.data(), O_CLOEXEC));
  out_path_ = out_name;
  err_path_ = err_name;
  inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ::inotify_add_watch(inotify_.get(), out_name.c_str(), IN_MODIFY);
  ::inotify_add_watch(inotify_.get(), err_name.c_str(), IN_MODIFY);

  std::map<std::string, std::string> variables_by_name = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", scratch},
      {"TMPDIR", scratch}};
  for (const auto& [name, value] : options.environment) {
    variables_by_name[name] = value;
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables_by_name) {
    environment.push_back(name + "=" + value);
  }
  const UniqueFd in = file_of(options.stdin_bytes);
  auto arguments = pointers(command);
  auto variables = pointers(environment);
  pid_ = spawn({.arguments = arguments.data(),
                .variables = variables.data(),
                .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                .streams = {in.get(), out.get(), err.get()}});
  if (pid_ < 0) {
    reaped_ = true;
    return;
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

Program::~Program() {
  if (running()) {
    signal(SIGKILL);
    reap(/*block_until_deadline=*/true, deadline_in(std::chrono::seconds(30)));
  }
}

bool Program::running() {
  return !reaped_ && !reap(/*block_until_deadline=*/false, 0);
}

void Program::signal(int number) const {
  if (!reaped_) {
    ::kill(pid_, number);
  }
}

bool Program::reap(bool block_until_deadline, std::int64_t deadline_ns) {
  if (!reaped_ && block_until_deadline) {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (::poll(&ended, 1, left_ms(deadline_ns)) < 0 && errno == EINTR) {
    }
  }
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    reaped_ = true;
  }
  return reaped_;
}

Exit Program::wait(Duration patience) {
  if (!reap(/*block_until_deadline=*/true, deadline_in(patience))) {
    ADD_FAILURE() << "pid " << pid_ << " still runs after " << patience.count()
                  << " ms\nstdout: " << out() << "\nstderr: " << err();
    signal(SIGKILL);
    reap(/*block_until_deadline=*/true, deadline_in(std::chrono::seconds(30)));
  }
  Exit exit{.out = out(), .err = err()};
  if (WIFEXITED(status_)) {
    exit.code = WEXITSTATUS(status_);
  } else if (WIFSIGNALED(status_)) {
    exit.signal = WTERMSIG(status_);
  }
  return exit;
}

void Program::wait_for_growth(std::int64_t deadline_ns) {
  std::array<pollfd, 2> fds{pollfd{inotify_.get(), POLLIN, 0}, pollfd{pidfd_.get(), POLLIN, 0}};
  ::poll(fds.data(), reaped_ ? 1 : 2, left_ms(deadline_ns));
  std::array<char, 4096> drained;
  while (::read(inotify_.get(), drained.data(), drained.size()) > 0) {
  }
}

std::string Program::wait_for_line(const std::string& prefix, Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  for (;;) {
    const bool ended = !running();
    const std::string text = out();
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = text.find('\n', start);
      if (end == std::string::npos) {
        break;
      }
      if (text.compare(start, prefix.size(), prefix) == 0) {
        return text.substr(start, end - start);
      }
      start = end + 1;
    }
    if (ended || left_ms(deadline_ns) == 0) {
      ADD_FAILURE() << "no line '" << prefix << "' (" << (ended ? "it ended" : "time is up")
                    << ")\nstdout: " << text << "\nstderr: " << err();
      return "";
    }
    wait_for_growth(deadline_ns);
  }
}

bool Program::wait_for_text(const std::string& text, Duration patience) {
  const std::int64_t deadline_ns = deadline_in(patience);
  for (;;) {
    const bool ended = !running();
    if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) {
      return true;
    }
    if (ended || left_ms(deadline_ns) == 0) {
      ADD_FAILURE() << "no text '" << text << "'\nstdout: " << out() << "\nstderr: " << err();
      return false;
    }
    wait_for_growth(deadline_ns);
  }
}

std::string Program::out() const {
  return contents(out_path_);
}
std::string Program::err() const {
  return contents(err_path_);
}

}  // namespace hearth::harness
