#include "agent/launcher/helper/exec.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

namespace hearth::agent::helper {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    result.push_back(const_cast<char*>(text.c_str()));
  }
  result.push_back(nullptr);
  return result;
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

// Where a file was found that may not be executed.
struct Refusal {
  int sys_errno = 0;
  std::string file;
};

// Tries one file; returns only if it is not to be found there.
void try_exec(const StatusPipe& status, const std::string& file, char* const* argv,
              char* const* envp, Refusal& refusal) {
  execve(file.c_str(), argv, envp);
  const int error = errno;
  struct stat info {};
  if (error == ENOENT && stat(file.c_str(), &info) == 0) {
    status.fail(ChildStage::Interpreter, error, interpreter_of(file));
  }
  if (error == EACCES) {
    refusal = {.sys_errno = error, .file = file};  // another directory of PATH may have one
  } else if (error != ENOENT && error != ENOTDIR) {
    status.fail(ChildStage::Exec, error, file);
  }
}

// Above all that place_descriptors fills, so that none is overwritten before it is used.
int moved_away(const StatusPipe& status, int fd) {
  constexpr int kAbove = 4 + static_cast<int>(limits::kExtraDescriptorsMax);
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, kAbove);
  if (copy < 0) {
    status.fail(ChildStage::Descriptors, errno, "further descriptors");
  }
  return copy;
}

}  // namespace

void reset_signals() {
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void place_descriptors(StatusPipe& status, const std::array<int, 3>& streams,
                       const std::vector<int>& extras) {
  std::vector<int> sources(streams.begin(), streams.end());
  sources.insert(sources.end(), extras.begin(), extras.end());
  status = StatusPipe(moved_away(status, status.fd()));
  for (int& source : sources) {
    source = moved_away(status, source);
  }
  for (int target = 0; target < std::ssize(sources); ++target) {
    if (dup2(sources.at(static_cast<std::size_t>(target)), target) < 0) {
      status.fail(ChildStage::Descriptors, errno, "standard streams");
    }
  }
  // Not only at exec: a working directory, a program or a PATH of "/proc/self/fd/N/…" is looked at
  // before, and the helper has folders of the machine open.
  const int status_fd = static_cast<int>(sources.size());
  if (dup3(status.fd(), status_fd, O_CLOEXEC) < 0) {
    status.fail(ChildStage::Descriptors, errno, "status pipe");
  }
  status = StatusPipe(status_fd);
  if (close_range(static_cast<unsigned>(status_fd) + 1, UINT_MAX, 0) != 0) {
    status.fail(ChildStage::Descriptors, errno, "close_range");
  }
}

std::string_view path_of(const std::vector<std::string>& env) {
  constexpr std::string_view kName = "PATH=";
  std::string_view path = kDefaultPath;
  for (const std::string& entry : env) {
    if (entry.starts_with(kName)) {
      path = std::string_view(entry).substr(kName.size());
    }
  }
  return path;
}

void exec_command(const StatusPipe& status, const std::vector<std::string>& command,
                  const std::vector<std::string>& env) {
  const std::vector<char*> argv = pointers(command);
  const std::vector<char*> envp = pointers(env);
  const std::string& program = command.front();
  Refusal refusal;
  if (program.find('/') != std::string::npos) {
    try_exec(status, program, argv.data(), envp.data(), refusal);
  } else {
    std::string_view rest = path_of(env);
    for (bool more = true; more;) {
      const std::size_t colon = rest.find(':');
      const std::string_view folder = rest.substr(0, colon);
      more = colon != std::string_view::npos;
      rest.remove_prefix(more ? colon + 1 : rest.size());
      try_exec(status, (folder.empty() ? "." : std::string(folder)) + "/" + program, argv.data(),
               envp.data(), refusal);
    }
  }
  status.fail(ChildStage::Exec, refusal.sys_errno != 0 ? refusal.sys_errno : ENOENT,
              refusal.sys_errno != 0 ? refusal.file : program);
}

}  // namespace hearth::agent::helper
