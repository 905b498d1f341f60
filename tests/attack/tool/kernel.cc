// Parts of the kernel that only a system's own tools use, and the machine's clock, names and
// modules. Where a call would do something if it were allowed, its arguments are such that it fails
// after the check of rights.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/fanotify.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

// Not in the headers of Debian 12.
constexpr long kMemfdSecret = 447;
constexpr long kQuotactlFd = 443;

template <class... Values>
std::string call(long number, Values... values) {
  return outcome(::syscall(number, values...));
}

std::string make_bpf_map() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return call(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

std::string count_events() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return call(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

std::string make_ring() {
  std::array<unsigned char, 120> parameters{};
  return call(SYS_io_uring_setup, 1, parameters.data());
}

std::string set_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return call(SYS_clock_settime, CLOCK_REALTIME, &now);
}

std::string set_time_of_day() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return call(SYS_settimeofday, &now, nullptr);
}

// The status that the clock has already.
std::string adjust_clock(bool by_name) {
  timex wanted{};
  timex now{};
  if (::syscall(SYS_adjtimex, &now) >= 0) {
    wanted.status = now.status;
  }
  wanted.modes = ADJ_STATUS;
  return by_name ? call(SYS_clock_adjtime, CLOCK_REALTIME, &wanted) : call(SYS_adjtimex, &wanted);
}

std::string set_host_name() {
  utsname names{};
  ::uname(&names);
  return outcome(::sethostname(names.nodename, std::strlen(names.nodename)));
}

std::string set_domain_name() {
  utsname names{};
  ::uname(&names);
  return outcome(::setdomainname(names.domainname, std::strlen(names.domainname)));
}

std::string read_own_memory() {
  int from = 1;
  int to = 0;
  const iovec remote{.iov_base = &from, .iov_len = sizeof from};
  const iovec local{.iov_base = &to, .iov_len = sizeof to};
  return outcome(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0));
}

std::string own_descriptor_by_pidfd() {
  const long own = ::syscall(SYS_pidfd_open, ::getpid(), 0);
  return own < 0 ? outcome(own) : call(SYS_pidfd_getfd, own, 1, 0);
}

// Calls that are in the table of numbers only for programs of the last century.
std::string obsolete() {
  constexpr std::array<long, 9> kCalls = {SYS_uselib,       SYS_ustat,         SYS_sysfs,
                                          SYS__sysctl,      SYS_create_module, SYS_get_kernel_syms,
                                          SYS_query_module, SYS_nfsservctl,    SYS_lookup_dcookie};
  for (const long number : kCalls) {
    if (::syscall(number, 0, 0, 0) >= 0) {
      return "allowed " + std::to_string(number);
    }
    if (errno != EPERM && errno != ENOSYS) {
      return "allowed " + std::to_string(number) + " " + ::strerrorname_np(errno);
    }
  }
  return "refused EPERM";
}

constexpr std::array kProbes = {
    Probe{"bpf-map", [](const Arguments&) { return make_bpf_map(); }},
    Probe{"perf-event", [](const Arguments&) { return count_events(); }},
    Probe{"io-uring-setup", [](const Arguments&) { return make_ring(); }},
    Probe{"io-uring-enter", [](const Arguments&) { return call(SYS_io_uring_enter, -1, 0, 0, 0); }},
    Probe{"io-uring-register",
          [](const Arguments&) { return call(SYS_io_uring_register, -1, 0, 0, 0); }},
    Probe{"userfaultfd",
          [](const Arguments&) { return call(SYS_userfaultfd, UFFD_USER_MODE_ONLY); }},
    Probe{"fanotify",
          [](const Arguments&) {
            return outcome(::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY));
          }},
    Probe{"memfd-secret", [](const Arguments&) { return call(kMemfdSecret, 0); }},
    Probe{"keyctl",
          [](const Arguments&) {
            return call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_SESSION_KEYRING, 1);
          }},
    Probe{"add-key",
          [](const Arguments&) {
            return call(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING);
          }},
    Probe{"request-key",
          [](const Arguments&) { return call(SYS_request_key, "user", "attack", nullptr, 0); }},
    Probe{"ptrace-me", [](const Arguments&) { return outcome(::ptrace(PTRACE_TRACEME, 0, 0, 0)); }},
    Probe{"ptrace-seize-init",
          [](const Arguments&) { return outcome(::ptrace(PTRACE_SEIZE, 1, 0, 0)); }},
    Probe{"process-vm-readv", [](const Arguments&) { return read_own_memory(); }},
    Probe{"process-vm-writev",
          [](const Arguments&) {
            return outcome(::process_vm_writev(1, nullptr, 0, nullptr, 0, 0));
          }},
    Probe{"kcmp", [](const Arguments&) { return call(SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 1); }},
    Probe{"pidfd-getfd", [](const Arguments&) { return own_descriptor_by_pidfd(); }},
    Probe{"process-madvise",
          [](const Arguments&) { return call(SYS_process_madvise, -1, nullptr, 0, 0, 0); }},
    Probe{
        "move-pages",
        [](const Arguments&) { return call(SYS_move_pages, 0, 0, nullptr, nullptr, nullptr, 0); }},
    Probe{"migrate-pages",
          [](const Arguments&) { return call(SYS_migrate_pages, 0, 0, nullptr, nullptr); }},
    Probe{"clock-settime", [](const Arguments&) { return set_clock(); }},
    Probe{"settimeofday", [](const Arguments&) { return set_time_of_day(); }},
    Probe{"adjtimex", [](const Arguments&) { return adjust_clock(false); }},
    Probe{"clock-adjtime", [](const Arguments&) { return adjust_clock(true); }},
    Probe{"sethostname", [](const Arguments&) { return set_host_name(); }},
    Probe{"setdomainname", [](const Arguments&) { return set_domain_name(); }},
    Probe{"kexec-load",
          [](const Arguments&) { return call(SYS_kexec_load, 0, 17, nullptr, ~0UL); }},
    Probe{"kexec-file-load",
          [](const Arguments&) { return call(SYS_kexec_file_load, -1, -1, 0, nullptr, ~0UL); }},
    Probe{"init-module", [](const Arguments&) { return call(SYS_init_module, "x", 1, ""); }},
    Probe{"finit-module", [](const Arguments&) { return call(SYS_finit_module, -1, "", 0); }},
    Probe{"delete-module",
          [](const Arguments&) { return call(SYS_delete_module, "no_such_module", 0); }},
    // Wrong magic: a reboot that were allowed would be invalid.
    Probe{"reboot", [](const Arguments&) { return call(SYS_reboot, 0, 0, 0, nullptr); }},
    Probe{"kernel-log",
          [](const Arguments&) { return outcome(::klogctl(3 /* read all */, nullptr, 0)); }},
    Probe{"iopl", [](const Arguments&) { return outcome(::iopl(3)); }},
    Probe{"ioperm", [](const Arguments&) { return outcome(::ioperm(0x80, 1, 1)); }},
    Probe{"personality-no-randomization",
          [](const Arguments&) { return outcome(::personality(ADDR_NO_RANDOMIZE)); }},
    Probe{"personality-read-implies-exec",
          [](const Arguments&) { return outcome(::personality(READ_IMPLIES_EXEC)); }},
    Probe{"vhangup", [](const Arguments&) { return outcome(::vhangup()); }},
    Probe{"quotactl-fd", [](const Arguments&) { return call(kQuotactlFd, -1, 0, 0, nullptr); }},
    Probe{"obsolete-calls", [](const Arguments&) { return obsolete(); }},
};

}  // namespace

std::span<const Probe> kernel_probes() {
  return kProbes;
}

}  // namespace hearth::attack
