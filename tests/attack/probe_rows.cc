#include "tests/attack/probe_rows.h"

#include <array>

#include "base/check.h"

namespace hearth::attack {

namespace {

constexpr auto kMounts = std::to_array<ProbeRow>({
    {"mount-tmpfs", "Mount a tmpfs", "refused EPERM"},
    {"mount-bind", "Mount a folder a second time", "refused EPERM"},
    {"mount-proc", "Mount a fresh /proc without covers", "refused EPERM"},
    {"mount-fuse", "Mount a file system that a program answers for", "refused EPERM"},
    {"mount-cgroup", "Mount the control groups", "refused EPERM"},
    {"remount-writable", "Make /usr writable by remounting", "refused EPERM"},
    {"mount-shared", "Have mounts propagate", "refused EPERM"},
    {"unmount-cover", "Unmount what covers /proc/sys", "refused EPERM"},
    {"pivot-root", "Change the root by pivot_root", "refused EPERM"},
    {"chroot", "Change the root by chroot", "refused EPERM"},
    {"fsopen", "Begin a file system by fsopen", "refused EPERM"},
    {"fsmount", "Finish one by fsmount", "refused EPERM"},
    {"fspick", "Reconfigure one by fspick", "refused EPERM"},
    {"open-tree", "Copy a mount by open_tree", "refused EPERM"},
    {"open-tree-recursive", "Copy a tree of mounts", "refused EPERM"},
    {"open-tree-attributes", "Copy a mount, writable (open_tree_attr)", "refused EPERM"},
    {"move-mount", "Move a cover away by move_mount", "refused EPERM"},
    {"mount-setattr", "Make /usr writable by mount_setattr", "refused EPERM"},
    {"name-to-handle", "Ask for a file's handle", "refused EPERM"},
    {"open-by-handle", "Open a file of the machine by handle", "refused EPERM"},
    {"quotactl", "Quotas of a disk", "refused EPERM"},
    {"swapon", "Add swap", "refused EPERM"},
    {"swapoff", "Take swap away", "refused EPERM"},
    {"acct", "Process accounting", "refused EPERM"},
});

constexpr auto kNamespaces = std::to_array<ProbeRow>({
    {"unshare-user", "A user namespace, with all rights inside", "refused EPERM"},
    {"unshare-mounts", "A mount namespace", "refused EPERM"},
    {"unshare-network", "A network namespace", "refused EPERM"},
    {"unshare-pids", "A pid namespace", "refused EPERM"},
    {"unshare-ipc", "An IPC namespace", "refused EPERM"},
    {"unshare-uts", "A UTS namespace", "refused EPERM"},
    {"unshare-cgroup", "A cgroup namespace", "refused EPERM"},
    {"unshare-time", "A time namespace", "refused EPERM"},
    {"clone-user", "A user namespace by clone", "refused EPERM"},
    {"clone-user-and-mounts", "User and mount namespace by clone", "refused EPERM"},
    {"clone-user-and-upper-bits", "The same with bits set that the kernel ignores",
     "refused EPERM"},
    {"clone-mounts", "A mount namespace by clone", "refused EPERM"},
    {"clone-pids", "A pid namespace by clone", "refused EPERM"},
    {"clone3-user", "A user namespace by clone3, whose flags no filter sees", "refused ENOSYS"},
    {"clone3-plain", "A process by clone3", "refused ENOSYS"},
    {"setns-of-init", "Enter the mount namespace of pid 1", "refused ENOENT"},
    {"setns-own-user", "Enter a user namespace", "refused EPERM"},
    {"setns-own-network", "Enter a network namespace", "refused EPERM"},
    {"setns-by-pidfd", "Enter those of pid 1 by its descriptor", "refused EPERM"},
});

constexpr auto kKernel = std::to_array<ProbeRow>({
    {"bpf-map", "bpf", "refused EPERM"},
    {"perf-event", "perf_event_open", "refused EPERM"},
    {"io-uring-setup", "io_uring_setup", "refused ENOSYS"},
    {"io-uring-enter", "io_uring_enter", "refused ENOSYS"},
    {"io-uring-register", "io_uring_register", "refused ENOSYS"},
    {"userfaultfd", "userfaultfd, by which races are won", "refused EPERM"},
    {"fanotify", "fanotify", "refused EPERM"},
    {"memfd-secret", "memfd_secret", "refused EPERM"},
    {"keyctl", "The session's keyring", "refused EPERM"},
    {"add-key", "Add a key", "refused EPERM"},
    {"request-key", "Ask for a key", "refused EPERM"},
    {"ptrace-me", "Be traced", "refused EPERM"},
    {"ptrace-seize-init", "Trace pid 1", "refused EPERM"},
    {"process-vm-readv", "Read memory by process_vm_readv", "refused EPERM"},
    {"process-vm-writev", "Write that of pid 1", "refused EPERM"},
    {"kcmp", "kcmp", "refused EPERM"},
    {"pidfd-getfd", "Take a descriptor out of a process", "refused EPERM"},
    {"process-madvise", "process_madvise", "refused EPERM"},
    {"move-pages", "move_pages", "refused EPERM"},
    {"migrate-pages", "migrate_pages", "refused EPERM"},
    {"clock-settime", "Set the clock", "refused EPERM"},
    {"settimeofday", "Set the time of day", "refused EPERM"},
    {"adjtimex", "Adjust the clock", "refused EPERM"},
    {"clock-adjtime", "Adjust the clock by clock_adjtime", "refused EPERM"},
    {"sethostname", "Set the host's name", "refused EPERM"},
    {"setdomainname", "Set the domain's name", "refused EPERM"},
    {"kexec-load", "Load another kernel", "refused EPERM"},
    {"kexec-file-load", "Load another kernel from a file", "refused EPERM"},
    {"init-module", "Load a module", "refused EPERM"},
    {"finit-module", "Load a module from a file", "refused EPERM"},
    {"delete-module", "Unload a module", "refused EPERM"},
    {"reboot", "Reboot (with wrong magic)", "refused EPERM"},
    {"kernel-log", "Read the kernel's log", "refused EPERM"},
    {"iopl", "Ports by iopl", "refused EPERM"},
    {"ioperm", "Ports by ioperm", "refused EPERM"},
    {"personality-no-randomization", "Switch address randomization off", "refused EPERM"},
    {"personality-read-implies-exec", "Make memory executable", "refused EPERM"},
    {"vhangup", "Hang up the terminal", "refused EPERM"},
    {"quotactl-fd", "Quotas by descriptor", "refused EPERM"},
    {"obsolete-calls", "Nine calls of old kernels", "refused EPERM"},
});

constexpr auto kForeignCalls = std::to_array<ProbeRow>({
    {"i386-getpid", "int 0x80", "refused ENOSYS"},
    {"i386-unshare", "A user namespace by int 0x80", "refused ENOSYS"},
    {"x32-getpid", "x32", "refused ENOSYS"},
    {"x32-unshare", "A user namespace by x32", "refused ENOSYS"},
    {"modify-ldt", "modify_ldt", "refused EPERM"},
});

constexpr auto kProcesses = std::to_array<ProbeRow>({
    {"kill-init", "Kill pid 1", "refused EPERM"},
    {"stop-init", "Stop pid 1", "refused EPERM"},
    {"kill-init-by-pidfd", "Kill pid 1 by its descriptor", "refused EPERM"},
    {"limit-init", "Set limits of pid 1", "refused EPERM"},
    {"nice-init", "Set the priority of pid 1", "refused EPERM"},
    {"nice-minus", "A higher priority", "refused EACCES"},
    {"scheduling-fifo", "Real-time scheduling (FIFO)", "refused EPERM"},
    {"scheduling-round-robin", "Real-time scheduling (RR)", "refused EPERM"},
    {"scheduling-deadline", "Deadline scheduling", "refused EPERM"},
    {"io-real-time", "Real-time priority at the disk", "refused EPERM"},
    {"lock-memory", "Lock memory", "refused ENOMEM"},
    {"lock-all-memory", "Lock all memory to come", "refused EAGAIN"},
    {"raise-open-files", "Raise the limit of open files", "refused EPERM"},
    {"raise-processes", "Raise the limit of processes", "refused EPERM"},
    {"raise-file-size", "Raise the limit of a file's size", "refused EPERM"},
});

constexpr auto kIdentity = std::to_array<ProbeRow>({
    {"capabilities", "Any capability", "refused no capability"},
    {"no-new-privileges", "no_new_privs is set", "refused NoNewPrivs 1"},
    {"call-filter", "A filter of calls is set", "refused Seccomp 2"},
    {"raise-capability", "Take a capability", "refused EPERM"},
    {"raise-ambient", "Make one ambient", "refused EPERM"},
    {"unlock-securebits", "Unlock securebits", "refused EPERM"},
    {"drop-no-new-privileges", "Take no_new_privs away", "refused EINVAL"},
    {"setuid-root", "Become user 0", "refused EPERM"},
    {"setgid-root", "Become group 0", "refused EPERM"},
    {"setuid-other", "Become another user", "refused EPERM"},
    {"setgroups", "Enter group 0", "refused EPERM"},
    {"setfsuid", "Be user 0 for files", "refused"},
    {"setuid-program", "Run the operator's set-user-id program", "contained 1000 1000"},
    {"capable-program", "Run the operator's program with capabilities", "contained 1000 1000"},
    {"own-setuid-program", "Make a set-user-id program", "contained 1000 1000"},
    {"own-capable-program", "Make a program with capabilities", "refused EPERM"},
    {"program-in-memory", "Run a program that is in no file system", "contained 1000 1000"},
    {"chown-to-root", "Give a file to user 0", "refused EPERM"},
    {"call-listener", "Answer calls instead of the kernel", "contained refused EPERM"},
});

constexpr auto kSettings = std::to_array<ProbeRow>({
    {"core-pattern", "kernel.core_pattern: a program that root runs", "refused EACCES"},
    {"modprobe-path", "kernel.modprobe", "refused ENOENT|refused EACCES"},
    {"poweroff-command", "kernel.poweroff_cmd", "refused EACCES"},
    {"random-layout", "kernel.randomize_va_space", "refused EACCES"},
    {"sysrq-setting", "kernel.sysrq", "refused ENOENT|refused EACCES"},
    {"sysrq-trigger", "/proc/sysrq-trigger", "refused ENOENT|refused EACCES|refused EROFS"},
    {"overcommit", "vm.overcommit_memory", "refused EACCES"},
    {"drop-caches", "vm.drop_caches", "refused EACCES"},
    {"protected-links", "fs.protected_symlinks", "refused EACCES"},
    {"program-formats", "binfmt_misc", "refused ENOENT"},
    {"user-namespaces", "user.max_user_namespaces", "refused EACCES"},
    {"last-pid", "kernel.ns_last_pid", "refused EROFS|refused ENOENT"},
    {"shared-memory-limit", "kernel.shmmax (of its IPC namespace)", "refused EACCES"},
    {"network-setting", "net.ipv4.ip_forward", "refused EACCES"},
    {"setting-mode", "The mode of a setting", "refused EROFS"},
    {"interrupts", "Interrupts", "refused EACCES|refused EROFS"},
    {"memory-types", "/proc/mtrr", "refused EACCES|refused ENOENT"},
    {"pressure-trigger", "A trigger of memory pressure", "refused EROFS|refused ENOENT"},
    {"spare-me-oom", "Be spared by the OOM killer", "refused EACCES"},
    {"oom-of-init", "The same for pid 1", "refused ENOENT"},
    {"id-map", "Another map of ids", "refused EACCES", "refused EPERM"},
    {"allow-setgroups", "Allow setgroups", "refused EACCES"},
    {"security-label", "Another security label", "refused EACCES", "refused EINVAL"},
    {"helper-for-events", "The program that the kernel runs for events", "refused ENOENT"},
    {"release-agent", "The program that it runs for empty groups", "refused ENOENT"},
    {"leave-group", "Leave the control group", "refused ENOENT"},
    {"loosen-group", "Raise its limit", "refused ENOENT"},
});

constexpr auto kSecrets = std::to_array<ProbeRow>({
    {"passwords", "/etc/shadow", "refused ENOENT"},
    {"home-of-root", "/root", "refused ENOENT"},
    {"homes", "/home", "refused ENOENT"},
    {"variable-data", "/var", "refused ENOENT"},
    {"run-time-data", "/run", "refused ENOENT"},
    {"boot", "/boot", "refused ENOENT"},
    {"sys", "/sys", "refused ENOENT"},
    {"machine-id", "/etc/machine-id", "refused ENOENT"},
    {"data-of-hearth", "Hearth's data", "refused ENOENT"},
    {"token-anywhere", "Hearth's token, in /proc", "refused not found"},
    {"data-path-anywhere", "The path of Hearth's data, in /proc", "refused not found"},
    {"environment-of-init", "/proc/1/environ", "refused ENOENT"},
    {"command-of-init", "/proc/1/cmdline", "refused ENOENT"},
    {"memory-of-init", "/proc/1/mem", "refused ENOENT"},
    {"map-of-init", "/proc/1/maps", "refused ENOENT"},
    {"root-of-init", "/proc/1/root", "refused ENOENT"},
    {"folder-of-init", "/proc/1/cwd", "refused ENOENT"},
    {"descriptors-of-init", "/proc/1/fd", "refused ENOENT"},
    {"other-processes", "Processes that are not its own", "contained its own"},
    {"own-descriptors", "Descriptors that were left open", "contained three streams"},
    {"own-groups", "The names of its control groups", "contained roots"},
    {"kernel-memory", "/proc/kcore", "refused ENOENT|contained empty"},
    {"kernel-addresses", "/proc/kallsyms", "contained zeros|refused absent"},
    {"kernel-messages", "/proc/kmsg", "refused EACCES"},
    {"kernel-caches", "/proc/slabinfo", "refused EACCES"},
    {"page-flags", "/proc/kpageflags", "refused EACCES|refused ENOENT"},
    {"keys", "/proc/keys", "contained empty"},
    {"timers", "/proc/timer_list", "contained empty"},
    {"debug-files", "/sys/kernel/debug", "refused ENOENT"},
});

constexpr auto kFiles = std::to_array<ProbeRow>({
    {"write-root", "Make a file in /", "refused EROFS", "refused EACCES"},
    {"write-usr", "Make one in /usr", "refused EROFS", "refused EACCES"},
    {"write-etc", "Make one in /etc", "refused EROFS", "refused EACCES"},
    {"write-dev", "Make one in /dev", "refused EROFS"},
    {"write-proc", "Make one in /proc", "refused ENOENT"},
    {"write-shown", "Make one in a folder that the operator shows", "refused EROFS"},
    {"change-passwd", "Change /etc/passwd", "refused EACCES"},
    {"change-loader", "Change /etc/ld.so.cache", "refused EACCES"},
    {"change-program", "Change a program in /usr", "refused EACCES"},
    {"change-own-program", "Change its own program by /proc/self/exe", "refused EACCES"},
    {"remove-passwd", "Remove /etc/passwd", "refused EROFS", "refused EACCES"},
    {"rename-passwd", "Rename it", "refused EROFS", "refused EACCES"},
    {"mode-of-usr", "Change the mode of /usr", "refused EROFS", "refused EPERM"},
    {"times-of-program", "Change the times of a program", "refused EROFS", "refused EACCES"},
    {"hard-link", "Link to /etc/passwd", "refused EXDEV"},
    {"link-to-passwords", "Follow a link of its own to /etc/shadow", "refused ENOENT"},
    {"link-to-init", "Follow one through /proc/1/root", "refused ENOENT"},
    {"above-root", "More .. than there are folders", "refused ENOENT"},
    {"moved-folder", "Leave by a folder that is moved", "refused ENOENT"},
    {"read-own-output", "Read its own output back", "refused EACCES"},
    {"write-own-input", "Open its own input for writing", "refused EACCES"},
});

constexpr auto kDevices = std::to_array<ProbeRow>({
    {"make-disk", "Make a disk's node", "refused EPERM"},
    {"make-memory", "Make the node of /dev/mem", "refused EPERM"},
    {"make-nothing", "Make a whiteout", "contained refused EACCES"},
    {"devices", "Any of 14 devices of the machine", "refused ENOENT"},
    {"terminal", "A terminal", "refused no terminal"},
    {"type-ahead", "Type into the terminal (TIOCSTI)", "refused EPERM"},
    {"type-ahead-upper-bits", "The same with bits set that the kernel ignores", "refused EPERM"},
    {"console-paste", "Paste into the console (TIOCLINUX)", "refused EPERM"},
});

constexpr auto kNetwork = std::to_array<ProbeRow>({
    {"tcp-canary", "TCP to a listener of the machine", "refused EAFNOSUPPORT"},
    {"tcp6-canary", "The same over IPv6", "refused EAFNOSUPPORT"},
    {"udp-canary", "UDP to one", "refused EAFNOSUPPORT"},
    {"hearth-itself", "TCP to Hearth's own port", "refused EAFNOSUPPORT"},
    {"metadata-service", "A cloud's metadata service", "refused EAFNOSUPPORT"},
    {"name-service", "A name server", "refused EAFNOSUPPORT"},
    {"internet", "TCP to the internet", "refused EAFNOSUPPORT"},
    {"listen", "Have a TCP port", "refused EAFNOSUPPORT"},
    {"icmp-raw", "Raw ICMP", "refused EAFNOSUPPORT"},
    {"icmp-ping", "ICMP as ping sends it", "refused EAFNOSUPPORT"},
    {"family-upper-bits", "TCP with bits set that the kernel ignores", "refused EAFNOSUPPORT"},
    {"interface", "Change an interface", "refused EAFNOSUPPORT"},
    {"netlink-route", "Netlink: routes", "refused EAFNOSUPPORT"},
    {"netlink-audit", "Netlink: audit", "refused EAFNOSUPPORT"},
    {"netlink-events", "Netlink: device events", "refused EAFNOSUPPORT"},
    {"packet", "Packets of an interface", "refused EAFNOSUPPORT"},
    {"vsock", "AF_VSOCK, to the hypervisor", "refused EAFNOSUPPORT"},
    {"kernel-crypto", "AF_ALG", "refused EAFNOSUPPORT"},
    {"bluetooth", "AF_BLUETOOTH", "refused EAFNOSUPPORT"},
    {"can", "AF_CAN", "refused EAFNOSUPPORT"},
    {"tipc", "AF_TIPC", "refused EAFNOSUPPORT"},
    {"xdp", "AF_XDP", "refused EAFNOSUPPORT"},
    {"key-management", "AF_KEY", "refused EAFNOSUPPORT"},
    {"rds", "AF_RDS", "refused EAFNOSUPPORT"},
    {"pair-of-inet", "A socketpair of another family", "refused EAFNOSUPPORT"},
    {"abstract-socket", "An abstract socket of the machine", "refused ECONNREFUSED"},
    {"socket-in-shown-folder", "A socket in a folder that the operator shows", "allowed"},
});

constexpr auto kNeighbours = std::to_array<ProbeRow>({
    {"neighbour-signal", "Kill it by its pid", "refused ESRCH"},
    {"neighbour-ptrace", "Trace it", "refused EPERM"},
    {"neighbour-vm-read", "Read its memory by process_vm_readv", "refused EPERM"},
    {"neighbour-pidfd-getfd", "Take a descriptor of it", "refused ESRCH"},
    {"neighbour-kcmp", "Compare with it", "refused EPERM"},
    {"neighbour-memory-file", "/proc/PID/mem", "refused ENOENT"},
    {"neighbour-environment", "/proc/PID/environ", "refused ENOENT"},
    {"neighbour-root", "/proc/PID/root", "refused ENOENT"},
    {"neighbour-folder", "/proc/PID/cwd", "refused ENOENT"},
    {"neighbour-descriptor", "/proc/PID/fd/0", "refused ENOENT"},
    {"neighbour-files", "Its files in /work, /tmp, /dev/shm", "refused ENOENT"},
    {"neighbour-abstract-socket", "Its abstract socket", "refused ECONNREFUSED"},
    {"neighbour-shared-memory", "Its System V shared memory", "refused ENOENT"},
    {"neighbour-message-queue", "Its System V messages", "refused ENOENT"},
    {"neighbour-semaphores", "Its System V semaphores", "refused ENOENT"},
    {"neighbour-posix-queue", "Its POSIX queue", "refused ENOENT"},
    {"neighbour-lock", "A lock on a file that both see: a bit at a time", "allowed a bit is seen",
     "refused no lock seen"},
});

constexpr auto kGroups = std::to_array<ProbeGroup>({
    {"mounts", "Other views of files", kMounts},
    {"namespaces", "Namespaces", kNamespaces},
    {"kernel", "Parts of the kernel, the clock, modules", kKernel},
    {"foreign-calls", "Calls by the doors of other architectures", kForeignCalls},
    {"processes", "Other processes, and more than is given", kProcesses},
    {"identity", "Other users and rights", kIdentity},
    {"settings", "Settings of the machine and of processes", kSettings},
    {"secrets", "What is not for its eyes", kSecrets},
    {"files", "Files that are not its own", kFiles},
    {"devices", "Devices and terminals", kDevices},
    {"network", "Network, when the operator gives none", kNetwork},
    {"neighbours", "Another job on the machine", kNeighbours},
});

}  // namespace

std::span<const ProbeGroup> probe_groups() {
  return kGroups;
}

const ProbeGroup& probe_group(const std::string& name) {
  for (const ProbeGroup& group : kGroups) {
    if (name == group.name) {
      return group;
    }
  }
  HEARTH_CHECK(false, "no group of probes is called " + name);
  return kGroups.front();
}

}  // namespace hearth::attack
