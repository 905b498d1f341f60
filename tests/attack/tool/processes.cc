// Other processes, and more of the processor and memory than is given.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr std::size_t kMegabyte = 1'048'576;
constexpr int kIoClassShift = 13;

// As the kernel has it; glibc has no wrapper.
struct SchedulingAttributes {
  std::uint32_t size = 48;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

std::string deadline_scheduling() {
  SchedulingAttributes wanted;
  wanted.policy = 6;  // SCHED_DEADLINE
  wanted.runtime = 1'000'000;
  wanted.deadline = wanted.period = 100'000'000;
  return outcome(::syscall(SYS_sched_setattr, 0, &wanted, 0));
}

std::string real_time(int policy) {
  const sched_param parameter{.sched_priority = 1};
  return outcome(::sched_setscheduler(0, policy, &parameter));
}

// The kernel may take a signal for the first process of a namespace and then not deliver it.
std::string sent(long result) {
  if (result < 0) {
    return outcome(result);
  }
  wait_ms(100);
  return ::kill(1, 0) == 0 || errno == EPERM ? "contained it goes on" : "allowed";
}

std::string signal_by_pidfd(pid_t pid) {
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  return fd < 0 ? outcome(fd) : sent(::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0));
}

// To what it is, or to what it could be.
std::string limit_init() {
  rlimit limits{.rlim_cur = 1'024, .rlim_max = 1'024};
  ::prlimit(1, RLIMIT_NOFILE, nullptr, &limits);
  return outcome(::prlimit(1, RLIMIT_NOFILE, &limits, nullptr));
}

std::string lock_memory() {
  void* memory =
      ::mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return outcome(::mlock(memory, kMegabyte));
}

std::string raise_limit(__rlimit_resource which) {
  rlimit limits{};
  ::getrlimit(which, &limits);
  if (limits.rlim_max == RLIM_INFINITY) {
    return "allowed unlimited";
  }
  ++limits.rlim_max;
  return outcome(::setrlimit(which, &limits));
}

// Whoever asks for all to be locked gets nothing more once it is too much.
std::string lock_all() {
  if (::mlockall(MCL_FUTURE) != 0) {
    return outcome(-1);
  }
  void* memory =
      ::mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? refused(errno) : "allowed";
}

constexpr std::array kProbes = {
    Probe{"kill-init", [](const Arguments&) { return sent(::kill(1, SIGKILL)); }},
    Probe{"stop-init", [](const Arguments&) { return sent(::kill(1, SIGSTOP)); }},
    Probe{"kill-init-by-pidfd", [](const Arguments&) { return signal_by_pidfd(1); }},
    Probe{"limit-init", [](const Arguments&) { return limit_init(); }},
    Probe{"nice-init",
          [](const Arguments&) {
            return outcome(::setpriority(PRIO_PROCESS, 1, ::getpriority(PRIO_PROCESS, 1)));
          }},
    Probe{"nice-minus",
          [](const Arguments&) { return outcome(::setpriority(PRIO_PROCESS, 0, -5)); }},
    Probe{"scheduling-fifo", [](const Arguments&) { return real_time(SCHED_FIFO); }},
    Probe{"scheduling-round-robin", [](const Arguments&) { return real_time(SCHED_RR); }},
    Probe{"scheduling-deadline", [](const Arguments&) { return deadline_scheduling(); }},
    Probe{"io-real-time",
          [](const Arguments&) {
            return outcome(::syscall(SYS_ioprio_set, 1, 0, (1 << kIoClassShift) | 0));
          }},
    Probe{"lock-memory", [](const Arguments&) { return lock_memory(); }},
    Probe{"lock-all-memory", [](const Arguments&) { return lock_all(); }},
    Probe{"raise-open-files", [](const Arguments&) { return raise_limit(RLIMIT_NOFILE); }},
    Probe{"raise-processes", [](const Arguments&) { return raise_limit(RLIMIT_NPROC); }},
    Probe{"raise-file-size", [](const Arguments&) { return raise_limit(RLIMIT_FSIZE); }},
};

}  // namespace

std::span<const Probe> process_probes() {
  return kProbes;
}

}  // namespace hearth::attack
