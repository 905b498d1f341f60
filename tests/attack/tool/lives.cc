// Processes that will not end, end wrongly, or leave others behind.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/attack/tool/neighbours.h"
#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

void ignore_all() {
  for (int number = 1; number < NSIG; ++number) {
    ::signal(number, SIG_IGN);
  }
}

void say(const std::string& line) {
  const std::string whole = line + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, whole.data(), whole.size());
}

// A process that nobody is the parent of, in a session of its own, that ignores what can be
// ignored.
template <class Body>
void detach(Body body) {
  const pid_t middle = ::fork();
  if (middle == 0) {
    ::setsid();
    if (::fork() == 0) {
      ::setsid();
      ignore_all();
      body();
      stay();
    }
    ::_exit(0);
  }
  ::waitpid(middle, nullptr, 0);
}

std::string busy(const Arguments&) {
  ::alarm(60);
  for (volatile unsigned long turns = 0;;) {
    turns = turns + 1;
  }
}

std::string sleep_long(const Arguments&) {
  stay();
}

std::string ignore_term(const Arguments&) {
  ignore_all();
  say("ready");
  for (;;) {
    stay();
  }
}

std::string stop_self(const Arguments&) {
  say("ready");
  ::raise(SIGSTOP);
  return "continued";
}

std::string stop_all(const Arguments&) {
  for (int i = 0; i < 4; ++i) {
    if (::fork() == 0) {
      ::setsid();
      ::raise(SIGSTOP);
      stay();
    }
  }
  say("ready");
  ::raise(SIGSTOP);
  return "continued";
}

// The parent of a vfork waits, without being interruptible, for a child that does not go on.
std::string vfork_hang(const Arguments&) {
  say("ready");
  if (::syscall(SYS_vfork) == 0) {
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  return "continued";
}

std::string daemon(const Arguments&) {
  detach([] {});
  return "left";
}

// Many that fork for ever, each born while others are being killed.
std::string restless_daemons(const Arguments& given) {
  const long count = number(given, 0, 4);
  for (long i = 0; i < count; ++i) {
    detach([] {
      for (int turn = 0; turn < 100'000; ++turn) {
        if (::fork() > 0) {
          ::_exit(0);
        }
      }
    });
  }
  return "left";
}

std::string reaper(const Arguments&) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  detach([] {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    detach([] {});
  });
  return "left";
}

std::string zombies(const Arguments& given) {
  const long most = number(given, 0, 10);
  for (long count = 0; count < most; ++count) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(0);
    }
    if (child < 0) {
      return counted(errno, count);
    }
  }
  return counted(0, most);
}

// One after the other, more than may be at once: each is the init's to reap.
std::string orphans(const Arguments& given) {
  const long most = number(given, 0, 10);
  for (long count = 0; count < most; ++count) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::_exit(::fork() < 0 ? 1 : 0);
    }
    int status = 0;
    for (int patience = 0; child < 0 && patience < 100; ++patience) {
      wait_ms(1);
    }
    if (child > 0) {
      ::waitpid(child, &status, 0);
    }
  }
  return "contained";
}

std::string die_by(const Arguments& given) {
  ::raise(static_cast<int>(number(given, 0, SIGKILL)));
  return "survived";
}

// Of what the kernel lets it reach there is a child of its own, and nobody else. Not tried where
// pids look as if this were the machine's own namespace, whose processes would be reached.
std::string kill_everybody(const Arguments&) {
  constexpr pid_t kFirstPids = 200;
  if (::getpid() > kFirstPids) {
    return "allowed to see a high pid, not tried";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    stay();
  }
  const int result = ::kill(-1, SIGKILL);
  const int error = errno;
  int status = 0;
  const bool child_died = ::waitpid(child, &status, 0) == child && WIFSIGNALED(status);
  return result == 0 ? std::string("contained") + (child_died ? "" : " and reached nobody")
                     : refused(error);
}

// With a limit of zero the kernel still starts the program that core_pattern names, if it names
// one, as root and outside; with one byte it does not.
std::string core_limit(const Arguments&) {
  rlimit limits{};
  ::getrlimit(RLIMIT_CORE, &limits);
  return limits.rlim_max == 1 ? "refused 1" : "allowed " + std::to_string(limits.rlim_max);
}

std::string abort_now(const Arguments&) {
  std::abort();
}

std::string leave_writers(const Arguments&) {
  for (int i = 0; i < 4; ++i) {
    detach([] {
      for (int turn = 0; turn < 1'000'000; ++turn) {
        say("late");
      }
    });
  }
  return "left";
}

// For `setuid-program` and those like it.
std::string rights(const Arguments&) {
  const std::string ids = std::to_string(::geteuid()) + " " + std::to_string(::getegid());
  return ::geteuid() == ::getuid() && ::getegid() == ::getgid() && ::geteuid() != 0
             ? "contained " + ids
             : "allowed " + ids;
}

// A name that would be taken for something else where it is printed or read.
std::string hostile_name(const Arguments&) {
  ::prctl(PR_SET_NAME, "a) R 1 1\n\x1b[2J\"<");
  say("ready");
  stay();
}

std::string open_streams(const Arguments&) {
  std::string found;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      found += (found.empty() ? "" : " ") + std::to_string(fd);
    }
  }
  return found;
}

std::string victim(const Arguments&) {
  return be_victim();
}

constexpr std::array kLives = {
    Probe{"busy", busy},
    Probe{"sleep", sleep_long},
    Probe{"ignore-term", ignore_term},
    Probe{"stop-self", stop_self},
    Probe{"stop-all", stop_all},
    Probe{"vfork-hang", vfork_hang},
    Probe{"daemon", daemon},
    Probe{"restless-daemons", restless_daemons},
    Probe{"reaper", reaper},
    Probe{"zombies", zombies},
    Probe{"orphans", orphans},
    Probe{"die-by", die_by},
    Probe{"kill-everybody", kill_everybody},
    Probe{"abort", abort_now},
    Probe{"core-limit", core_limit},
    Probe{"leave-writers", leave_writers},
    Probe{"rights", rights},
    Probe{"hostile-name", hostile_name},
    Probe{"open-streams", open_streams},
    Probe{"victim", victim},
};

}  // namespace

std::span<const Probe> lives() {
  return kLives;
}

}  // namespace hearth::attack
