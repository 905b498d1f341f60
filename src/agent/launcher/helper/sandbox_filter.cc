#include "agent/launcher/helper/sandbox_filter.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "base/unique_fd.h"

namespace hearth::agent::helper {
namespace {

// By name, so that one that this libseccomp or architecture does not know is left out: the kernel's
// newest calls have numbers of their own below.
constexpr std::array kRefused = {
    // Mounts and roots.
    "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl",
    "quotactl_fd", "open_by_handle_at", "name_to_handle_at",
    // Other namespaces.
    "unshare", "setns",
    // Other processes.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
    "move_pages", "migrate_pages",
    // Large parts of the kernel that only tools of the system use.
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "fanotify_init",
    "memfd_secret", "lookup_dcookie", "nfsservctl", "vhangup", "acct", "syslog", "uselib", "ustat",
    "sysfs", "_sysctl", "modify_ldt", "iopl", "ioperm", "vm86", "vm86old",
    // The machine itself.
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
    "create_module", "get_kernel_syms", "query_module", "clock_settime", "clock_settime64",
    "clock_adjtime", "clock_adjtime64", "adjtimex", "settimeofday", "stime", "sethostname",
    "setdomainname"};

// As if the kernel had none, so that libraries fall back to what can be filtered.
constexpr std::array kAbsent = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

// Newer than this libseccomp; the numbers are the same on all architectures since 5.0.
constexpr int kFirstCommonNumber = 424;
constexpr std::array kRefusedByNumber = {467 /* open_tree_attr */};

constexpr std::array kNamespaceFlags = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                        CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
// Types into a terminal as if its user had.
constexpr std::array<std::uint64_t, 2> kRefusedIoctls = {TIOCSTI, TIOCLINUX};

constexpr std::uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);
constexpr std::uint32_t kUnknownCall = SCMP_ACT_ERRNO(ENOSYS);
constexpr std::uint32_t kUnknownFamily = SCMP_ACT_ERRNO(EAFNOSUPPORT);

class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}

  template <class... Comparisons>
  void add(std::uint32_t action, int call, Comparisons... comparisons) {
    const std::array<scmp_arg_cmp, sizeof...(comparisons)> list{comparisons...};
    note(seccomp_rule_add_array(context_, action, call, list.size(), list.data()));
  }
  void add(std::uint32_t action, int call) {
    note(seccomp_rule_add_array(context_, action, call, 0, nullptr));
  }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    note(seccomp_attr_set(context_, attribute, value));
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  void note(int result) {
    if (result < 0 && failed_ == 0) {
      failed_ = -result;
    }
  }

  scmp_filter_ctx context_;
  int failed_ = 0;
};

void add_calls(Rules& rules) {
  const auto add_named = [&rules](std::uint32_t action, const char* name) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call != __NR_SCMP_ERROR) {
      rules.add(action, call);
    }
  };
  for (const char* name : kRefused) {
    add_named(kRefuse, name);
  }
  for (const char* name : kAbsent) {
    add_named(kUnknownCall, name);
  }
  static_assert(*std::min_element(kRefusedByNumber.begin(), kRefusedByNumber.end()) >=
                kFirstCommonNumber);
  for (const int call : kRefusedByNumber) {
    rules.add(kRefuse, call);
  }
}

void add_arguments(Rules& rules) {
  for (const int flag : kNamespaceFlags) {
    const auto bit = static_cast<std::uint64_t>(static_cast<std::uint32_t>(flag));
    rules.add(kRefuse, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
  }
  for (const std::uint64_t request : kRefusedIoctls) {
    // The kernel looks at the lower half only.
    rules.add(kRefuse, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffff'ffffU, request));
  }
  rules.add(kRefuse, SCMP_SYS(personality), SCMP_A0(SCMP_CMP_NE, 0));
}

// All 64 bits are compared: a family with upper bits set, which the kernel would not look at, is
// above every known one.
void add_families(Rules& rules, bool network) {
  rules.add(kUnknownFamily, SCMP_SYS(socketpair), SCMP_A0(SCMP_CMP_NE, AF_UNIX));
  if (!network) {
    rules.add(kUnknownFamily, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_NE, AF_UNIX));
    return;
  }
  constexpr std::array kAllowed = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  for (int family = 0; family < AF_NETLINK; ++family) {
    if (std::find(kAllowed.begin(), kAllowed.end(), family) == kAllowed.end()) {
      rules.add(kUnknownFamily, SCMP_SYS(socket),
                SCMP_A0(SCMP_CMP_EQ, static_cast<std::uint64_t>(family)));
    }
  }
  rules.add(kUnknownFamily, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
  rules.add(kUnknownFamily, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
            SCMP_A2(SCMP_CMP_NE, 0));
}

Result<std::vector<sock_filter>> exported(scmp_filter_ctx context) {
  const UniqueFd file(memfd_create("hearth-filter", MFD_CLOEXEC));
  if (!file.valid()) {
    return system_error("make a memory file for the system call filter", errno);
  }
  if (const int error = seccomp_export_bpf(context, file.get()); error < 0) {
    return system_error("build the system call filter", -error);
  }
  struct stat info {};
  if (fstat(file.get(), &info) != 0) {
    return system_error("read the system call filter", errno);
  }
  std::vector<sock_filter> filter(static_cast<std::size_t>(info.st_size) / sizeof(sock_filter));
  if (filter.empty() || pread(file.get(), filter.data(), filter.size() * sizeof(sock_filter), 0) !=
                            static_cast<ssize_t>(info.st_size)) {
    return system_error("read the system call filter", errno);
  }
  return filter;
}

}  // namespace

Result<std::vector<sock_filter>> build_filter(bool network) {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> context(seccomp_init(SCMP_ACT_ALLOW),
                                                                 seccomp_release);
  if (!context) {
    return internal_error("libseccomp could not begin a system call filter");
  }
  Rules rules(context.get());
  rules.set(SCMP_FLTATR_ACT_BADARCH, kUnknownCall);
  rules.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, so that each call costs few comparisons
  add_calls(rules);
  add_arguments(rules);
  add_families(rules, network);
  if (rules.failed() != 0) {
    return system_error("build the system call filter", rules.failed());
  }
  return exported(context.get());
}

void install_filter(const StatusPipe& status, const std::vector<sock_filter>& filter) {
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = const_cast<sock_filter*>(filter.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    status.fail(ChildStage::Filter, errno, "seccomp");
  }
}

}  // namespace hearth::agent::helper
