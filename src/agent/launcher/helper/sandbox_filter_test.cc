#include "agent/launcher/helper/sandbox_filter.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>

namespace hearth::agent::helper {
namespace {

constexpr long kX32Bit = 0x4000'0000;

// The errno with which `call` fails under the filter, 0 when it does not.
int error_of(bool network, const std::function<long()>& call) {
  static const auto without = build_filter(false);
  static const auto with = build_filter(true);
  EXPECT_TRUE(without) << without.error().message;
  EXPECT_TRUE(with) << with.error().message;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    install_filter(StatusPipe(-1), network ? *with : *without);
    errno = 0;
    syscall(SYS_exit_group, call() < 0 ? errno : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  return WEXITSTATUS(status);
}

int error_of_call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return error_of(false, [=] { return syscall(number, a, b, c, d); });
}

int error_of_socket(bool network, long family, long type = SOCK_DGRAM, long protocol = 0) {
  return error_of(network, [=] { return syscall(SYS_socket, family, type, protocol); });
}

TEST(SandboxFilterTest, CallsThatATaskHasNoUseForAreRefused) {
  // With arguments that would succeed or fail in another way without the filter.
  EXPECT_EQ(error_of_call(SYS_unshare, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_setns, -1, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_ptrace, 0x4206, -1), EPERM);
  EXPECT_EQ(error_of_call(SYS_keyctl, 0, -3, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_add_key, 0, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_bpf, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_perf_event_open, 0, 0, -1, -1), EPERM);
  EXPECT_EQ(error_of_call(SYS_userfaultfd, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_process_vm_readv, -1, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_kcmp, -1, -1, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(438 /* pidfd_getfd */, -1, -1, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_open_by_handle_at, -1, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_mount, 0, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_umount2, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(428 /* open_tree */, -1, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(430 /* fsopen */, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(442 /* mount_setattr */, -1, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(467 /* open_tree_attr */, -1, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_adjtimex, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_clock_settime, -1, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_kexec_load, 0, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_reboot, 0, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_swapon, 0, 0), EPERM);
  EXPECT_EQ(error_of_call(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */), EPERM);
}

TEST(SandboxFilterTest, WhatCannotBeFilteredIsAsIfTheKernelHadItNot) {
  EXPECT_EQ(error_of_call(SYS_clone3, 0, 0), ENOSYS);
  EXPECT_EQ(error_of_call(425 /* io_uring_setup */, 0, 0), ENOSYS);
  EXPECT_EQ(error_of_call(426 /* io_uring_enter */, -1, 0), ENOSYS);
}

TEST(SandboxFilterTest, NoNamespaceByClone) {
  for (const int flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                         CLONE_NEWPID, CLONE_NEWNET}) {
    EXPECT_EQ(error_of_call(SYS_clone, flag | SIGCHLD), EPERM) << flag;
  }
  EXPECT_EQ(error_of(false,
                     [] {
                       const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
                       if (pid == 0) {
                         syscall(SYS_exit_group, 0);
                       }
                       return pid;
                     }),
            0);
}

TEST(SandboxFilterTest, OnlyUnixSocketsWithoutANetwork) {
  EXPECT_EQ(error_of_socket(false, AF_UNIX), 0);
  for (const int family : {AF_UNSPEC, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK,
                           AF_TIPC, AF_XDP, 255}) {
    EXPECT_EQ(error_of_socket(false, family), EAFNOSUPPORT) << family;
  }
  // The kernel looks at the lower half of the register only.
  EXPECT_EQ(error_of_socket(false, (1L << 32) | AF_INET), EAFNOSUPPORT);
  EXPECT_EQ(error_of_call(SYS_socketpair, AF_TIPC, SOCK_STREAM, 0, 0), EAFNOSUPPORT);
}

TEST(SandboxFilterTest, WithANetworkTheInternetsToo) {
  EXPECT_EQ(error_of_socket(true, AF_UNIX), 0);
  EXPECT_EQ(error_of_socket(true, AF_INET), 0);
  EXPECT_EQ(error_of_socket(true, AF_NETLINK, SOCK_RAW, 0 /* route */), 0);
  EXPECT_EQ(error_of_socket(true, AF_NETLINK, SOCK_RAW, 9 /* audit */), EAFNOSUPPORT);
  for (const int family : {AF_UNSPEC, AF_PACKET, AF_ALG, AF_VSOCK, AF_TIPC, AF_XDP, AF_BLUETOOTH}) {
    EXPECT_EQ(error_of_socket(true, family), EAFNOSUPPORT) << family;
  }
  EXPECT_EQ(error_of_socket(true, (1L << 32) | AF_PACKET), EAFNOSUPPORT);
}

TEST(SandboxFilterTest, NothingIsTypedIntoTerminals) {
  for (const long upper : {0L, 1L << 32}) {
    EXPECT_EQ(error_of_call(SYS_ioctl, -1, upper | TIOCSTI, 0), EPERM);
    EXPECT_EQ(error_of_call(SYS_ioctl, -1, upper | TIOCLINUX, 0), EPERM);
  }
  EXPECT_EQ(error_of_call(SYS_ioctl, -1, FIONREAD, 0), EBADF) << "others reach the kernel";
}

TEST(SandboxFilterTest, TablesOfOtherArchitecturesAreClosed) {
#if defined(__x86_64__)
  EXPECT_EQ(error_of_call(kX32Bit | SYS_getpid), ENOSYS);
  EXPECT_EQ(
      error_of(false,
               [] {
                 long result = 20;  // getpid of the 32-bit table
                 asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
                 errno = result < 0 && result > -4096 ? static_cast<int>(-result) : 0;
                 return errno == 0 ? result : -1;
               }),
      ENOSYS);
#else
  GTEST_SKIP() << "NOT RUN HERE: only x86-64 has other tables in one kernel";
#endif
}

TEST(SandboxFilterTest, OrdinaryCallsPass) {
  EXPECT_EQ(error_of_call(SYS_getpid), 0);
  EXPECT_EQ(error_of_call(SYS_personality, 0), 0);
  EXPECT_EQ(error_of_call(SYS_getuid), 0);
  EXPECT_EQ(error_of_call(SYS_sched_yield), 0);
}

}  // namespace
}  // namespace hearth::agent::helper
