#include "agent/launcher/helper/sandbox_identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace hearth::agent::helper {
namespace {

constexpr unsigned long kSecureBits =
    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

using CapabilityData = std::array<__user_cap_data_struct, 2>;

void set_capabilities(const StatusPipe& status, std::uint32_t first_32) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityData wanted{};
  wanted[0].effective = first_32;
  wanted[0].permitted = first_32;
  CapabilityData got{};
  if (syscall(SYS_capset, &header, wanted.data()) != 0 ||
      syscall(SYS_capget, &header, got.data()) != 0) {
    status.fail(ChildStage::Capabilities, errno, "capset");
  }
  if (got[0].effective != first_32 || got[0].permitted != first_32 || got[0].inheritable != 0 ||
      (got[1].effective | got[1].permitted | got[1].inheritable) != 0) {
    status.fail(ChildStage::Capabilities, 0, "the kernel kept some");
  }
}

void limit(const StatusPipe& status, __rlimit_resource resource, std::int64_t soft,
           std::int64_t hard, const char* name) {
  rlimit limits{};
  if (getrlimit(resource, &limits) != 0) {
    status.fail(ChildStage::ResourceLimit, errno, name);
  }
  limits.rlim_max = std::min(limits.rlim_max, static_cast<rlim_t>(hard));
  limits.rlim_cur = std::min(limits.rlim_max, static_cast<rlim_t>(soft));
  if (setrlimit(resource, &limits) != 0) {
    status.fail(ChildStage::ResourceLimit, errno, name);
  }
}

void become(const StatusPipe& status, bool drop_groups, uid_t uid, gid_t gid) {
  if (drop_groups && setgroups(0, nullptr) != 0) {
    status.fail(ChildStage::Capabilities, errno, "setgroups");
  }
  if (setresgid(gid, gid, gid) != 0) {
    status.fail(ChildStage::Capabilities, errno, "setresgid " + std::to_string(gid));
  }
  if (setresuid(uid, uid, uid) != 0) {
    status.fail(ChildStage::Capabilities, errno, "setresuid " + std::to_string(uid));
  }
  std::array<uid_t, 3> uids{};
  std::array<gid_t, 3> gids{};
  const bool known =
      getresuid(&uids[0], &uids[1], &uids[2]) == 0 && getresgid(&gids[0], &gids[1], &gids[2]) == 0;
  if (!known || uids != std::array{uid, uid, uid} || gids != std::array{gid, gid, gid} ||
      (drop_groups && getgroups(0, nullptr) != 0)) {
    status.fail(ChildStage::Capabilities, 0, "the kernel kept another user");
  }
}

}  // namespace

void become_inside_root(const StatusPipe& status, const SandboxPlan& plan) {
  if (plan.id_base) {
    become(status, true, 0, 0);
  }
}

void lock_capabilities(const StatusPipe& status) {
  for (int capability = 0; capability < 64; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL && capability > CAP_MAC_ADMIN) {
        break;  // the kernel knows no more
      }
      status.fail(ChildStage::Capabilities, errno, "bounding set");
    }
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    status.fail(ChildStage::Capabilities, errno, "ambient set");
  }
  if (prctl(PR_SET_SECUREBITS, kSecureBits, 0, 0, 0) != 0) {
    status.fail(ChildStage::Capabilities, errno, "securebits");
  }
}

void keep_kill_only(const StatusPipe& status) {
  set_capabilities(status, 1U << static_cast<unsigned>(CAP_KILL));
}

void set_resource_limits(const StatusPipe& status, const SandboxPlan& plan) {
  // Not 0: with that a core_pattern that is a program would still be started, as the machine's
  // root.
  limit(status, RLIMIT_CORE, 1, 1, "core");
  limit(status, RLIMIT_NOFILE, plan.open_files, plan.open_files, "open files");
  limit(status, RLIMIT_FSIZE, plan.file_bytes, plan.file_bytes, "bytes of a file");
  limit(status, RLIMIT_NPROC, plan.processes, plan.processes, "processes");
  limit(status, RLIMIT_MEMLOCK, limits::kSandboxLockedBytes, limits::kSandboxLockedBytes,
        "locked memory");
  limit(status, RLIMIT_MSGQUEUE, 0, 0, "message queues");
  limit(status, RLIMIT_SIGPENDING, limits::kSandboxPendingSignals, limits::kSandboxPendingSignals,
        "pending signals");
  limit(status, RLIMIT_NICE, 0, 0, "nice");
  limit(status, RLIMIT_RTPRIO, 0, 0, "real-time priority");
  if (plan.cpu_seconds > 0) {
    limit(status, RLIMIT_CPU, plan.cpu_seconds, plan.cpu_seconds + 1, "CPU seconds");
  }
}

void become_task(const StatusPipe& status, const SandboxPlan& plan) {
  become(status, plan.id_base.has_value(), plan.uid, plan.gid);
  set_capabilities(status, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    status.fail(ChildStage::Capabilities, errno, "no_new_privs");
  }
}

}  // namespace hearth::agent::helper
