// Namespaces of one's own, in which a process without rights would have all of them, and those of
// others.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr unsigned long kNewTime = 0x80;

std::string reaped(long pid) {
  if (pid == 0) {
    ::_exit(0);
  }
  if (pid > 0) {
    ::waitpid(static_cast<pid_t>(pid), nullptr, __WALL);
  }
  return outcome(pid);
}

std::string clone_with(unsigned long flags) {
  return reaped(::syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
}

std::string clone3_with(std::uint64_t flags) {
  clone_args arguments{};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  return reaped(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

std::string enter(const char* path, int kind) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? outcome(fd) : outcome(::setns(fd, kind));
}

// All namespaces of a process at once, by its descriptor.
std::string enter_by_pidfd(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  return fd < 0 ? outcome(fd) : outcome(::setns(fd, CLONE_NEWNS));
}

constexpr std::array kProbes = {
    Probe{"unshare-user", [](const Arguments&) { return outcome(::unshare(CLONE_NEWUSER)); }},
    Probe{"unshare-mounts", [](const Arguments&) { return outcome(::unshare(CLONE_NEWNS)); }},
    Probe{"unshare-network", [](const Arguments&) { return outcome(::unshare(CLONE_NEWNET)); }},
    Probe{"unshare-pids", [](const Arguments&) { return outcome(::unshare(CLONE_NEWPID)); }},
    Probe{"unshare-ipc", [](const Arguments&) { return outcome(::unshare(CLONE_NEWIPC)); }},
    Probe{"unshare-uts", [](const Arguments&) { return outcome(::unshare(CLONE_NEWUTS)); }},
    Probe{"unshare-cgroup", [](const Arguments&) { return outcome(::unshare(CLONE_NEWCGROUP)); }},
    Probe{"unshare-time",
          [](const Arguments&) { return outcome(::unshare(static_cast<int>(kNewTime))); }},
    Probe{"clone-user", [](const Arguments&) { return clone_with(CLONE_NEWUSER); }},
    Probe{"clone-user-and-mounts",
          [](const Arguments&) { return clone_with(CLONE_NEWUSER | CLONE_NEWNS); }},
    // The kernel looks at the lower half only: a filter that compares all of it would be passed.
    Probe{"clone-user-and-upper-bits",
          [](const Arguments&) { return clone_with(CLONE_NEWUSER | (1UL << 40U)); }},
    Probe{"clone-mounts", [](const Arguments&) { return clone_with(CLONE_NEWNS); }},
    Probe{"clone-pids", [](const Arguments&) { return clone_with(CLONE_NEWPID); }},
    Probe{"clone3-user", [](const Arguments&) { return clone3_with(CLONE_NEWUSER); }},
    Probe{"clone3-plain", [](const Arguments&) { return clone3_with(0); }},
    Probe{"setns-of-init", [](const Arguments&) { return enter("/proc/1/ns/mnt", CLONE_NEWNS); }},
    Probe{"setns-own-user",
          [](const Arguments&) { return enter("/proc/self/ns/user", CLONE_NEWUSER); }},
    Probe{"setns-own-network",
          [](const Arguments&) { return enter("/proc/self/ns/net", CLONE_NEWNET); }},
    Probe{"setns-by-pidfd", [](const Arguments&) { return enter_by_pidfd(1); }},
};

}  // namespace

std::span<const Probe> namespace_probes() {
  return kProbes;
}

}  // namespace hearth::attack
