#include "agent/launcher/helper/child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace hearth::agent::helper {
namespace {

constexpr rlim_t kOpenFilesSoft = 1024;  // what programs that use select() expect
constexpr int kExitNotStarted = 127;
constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

[[noreturn]] void fail(const ChildPlan& plan, ChildStage stage, int sys_errno,
                       std::string_view detail) {
  ChildFailure failure{.stage = stage, .sys_errno = sys_errno};
  const std::size_t size = std::min(detail.size(), failure.detail.size() - 1);
  std::copy_n(detail.begin(), size, failure.detail.begin());
  [[maybe_unused]] const ssize_t written = write(plan.status_fd, &failure, sizeof failure);
  _exit(kExitNotStarted);
}

void join_groups(const ChildPlan& plan) {
  for (const std::string& path : plan.request.join_paths) {
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) {
      fail(plan, ChildStage::JoinGroup, errno, path);
    }
    close(fd);
  }
}

void set_limits() {
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min(files.rlim_max, kOpenFilesSoft);
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

void reset_signals() {
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_descriptors(const ChildPlan& plan) {
  for (int target = 0; target < 3; ++target) {
    if (dup2(plan.streams.at(static_cast<std::size_t>(target)), target) < 0) {
      fail(plan, ChildStage::Descriptors, errno, "standard streams");
    }
  }
  // All of the helper's descriptors are close-on-exec already; this holds whatever was overlooked.
  if (close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0 && errno != ENOSYS && errno != EINVAL) {
    fail(plan, ChildStage::Descriptors, errno, "close_range");
  }
}

void become_user(const ChildPlan& plan) {
  const SpawnRequest& request = plan.request;
  if (!request.uid && !request.gid) {
    return;
  }
  if (setgroups(0, nullptr) != 0) {
    fail(plan, ChildStage::User, errno, "setgroups");
  }
  if (request.gid && setresgid(*request.gid, *request.gid, *request.gid) != 0) {
    fail(plan, ChildStage::User, errno, "setresgid " + std::to_string(*request.gid));
  }
  if (request.uid && setresuid(*request.uid, *request.uid, *request.uid) != 0) {
    fail(plan, ChildStage::User, errno, "setresuid " + std::to_string(*request.uid));
  }
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    result.push_back(const_cast<char*>(text.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

std::string_view job_path(const std::vector<std::string>& env) {
  constexpr std::string_view kName = "PATH=";
  std::string_view path = kDefaultPath;
  for (const std::string& entry : env) {
    if (entry.starts_with(kName)) {
      path = std::string_view(entry).substr(kName.size());
    }
  }
  return path;
}

// What the first line of a script names, or "" when `file` is something else.
std::string interpreter_of(const std::string& file) {
  std::array<char, 200> start{};
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const ssize_t got = fd < 0 ? -1 : read(fd, start.data(), start.size());
  if (got < 2 || start[0] != '#' || start[1] != '!') {
    return "";
  }
  std::string_view line(start.data() + 2, static_cast<std::size_t>(got) - 2);
  line = line.substr(0, line.find('\n'));
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

// Tries one file; returns only if it is not to be found there.
void try_exec(const ChildPlan& plan, const std::string& file, char* const* argv, char* const* envp,
              int& refused, std::string& refused_file) {
  execve(file.c_str(), argv, envp);
  const int error = errno;
  struct stat info {};
  if (error == ENOENT && stat(file.c_str(), &info) == 0) {
    fail(plan, ChildStage::Interpreter, error, interpreter_of(file));
  }
  if (error == EACCES) {
    refused = error;  // another directory of PATH may have one that runs
    refused_file = file;
  } else if (error != ENOENT && error != ENOTDIR) {
    fail(plan, ChildStage::Exec, error, file);
  }
}

[[noreturn]] void exec_command(const ChildPlan& plan) {
  const std::vector<char*> argv = pointers(plan.request.command);
  const std::vector<char*> envp = pointers(plan.request.env);
  const std::string& command = plan.request.command.front();
  int refused = 0;
  std::string refused_file;
  if (command.find('/') != std::string::npos) {
    try_exec(plan, command, argv.data(), envp.data(), refused, refused_file);
  } else {
    std::string_view rest = job_path(plan.request.env);
    for (bool more = true; more;) {
      const std::size_t colon = rest.find(':');
      const std::string_view folder = rest.substr(0, colon);
      more = colon != std::string_view::npos;
      rest.remove_prefix(more ? colon + 1 : rest.size());
      try_exec(plan, (folder.empty() ? "." : std::string(folder)) + "/" + command, argv.data(),
               envp.data(), refused, refused_file);
    }
  }
  fail(plan, ChildStage::Exec, refused != 0 ? refused : ENOENT,
       refused != 0 ? refused_file : command);
}

}  // namespace

void run_child(const ChildPlan& plan) {
  if (setsid() < 0) {
    fail(plan, ChildStage::Session, errno, "setsid");
  }
  join_groups(plan);
  set_limits();
  umask(S_IWGRP | S_IWOTH);
  reset_signals();
  place_descriptors(plan);
  become_user(plan);
  // After the change of user, which clears it. The helper may have died before it was set.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != plan.helper_pid) {
    _exit(kExitNotStarted);
  }
  const std::string& cwd = plan.request.cwd;
  if (!cwd.empty() && chdir(cwd.c_str()) != 0) {
    fail(plan, ChildStage::Directory, errno, cwd);
  }
  exec_command(plan);
}

SpawnOutcome explain(const SpawnRequest& request, const ChildFailure& failure) {
  SpawnOutcome outcome{.id = request.id, .sys_errno = failure.sys_errno};
  const std::string detail(failure.detail.data(),
                           strnlen(failure.detail.data(), failure.detail.size()));
  const std::string& command = request.command.front();
  const auto because = [&](const std::string& what) {
    return system_error(what, failure.sys_errno).message;
  };
  outcome.reason = Reason::SpawnFailed;
  switch (failure.stage) {
    case ChildStage::Directory:
      outcome.reason = Reason::CwdMissing;
      outcome.message = because("enter the working directory " + detail);
      break;
    case ChildStage::Interpreter:
      outcome.reason = Reason::NotExecutable;
      outcome.message = "start " + command + ": the file exists, but its interpreter " +
                        (detail.empty() ? "(loader)" : detail) + " does not; install it";
      break;
    case ChildStage::Exec:
      outcome.message = because("start " + detail);
      if (failure.sys_errno == ENOENT) {
        outcome.reason = Reason::CommandNotFound;
        outcome.message =
            command.find('/') != std::string::npos
                ? "start " + command + ": there is no such file on this agent"
                : "start " + command + ": not found in PATH=" + std::string(job_path(request.env));
      } else if (failure.sys_errno == EACCES || failure.sys_errno == ENOEXEC) {
        outcome.reason = Reason::NotExecutable;
        outcome.message += failure.sys_errno == ENOEXEC
                               ? " (neither a program of this machine nor a script with a #! line)"
                               : " (is it a file with execute permission?)";
      }
      break;
    case ChildStage::JoinGroup:
      outcome.message = because("enter the job's group by " + detail);
      break;
    case ChildStage::User:
      outcome.message = because("become the user to run as (" + detail + ")") +
                        "; run_as needs an agent with that right";
      break;
    default:
      outcome.message = because("prepare the process of " + command + " (" + detail + ")");
      break;
  }
  return outcome;
}

}  // namespace hearth::agent::helper
