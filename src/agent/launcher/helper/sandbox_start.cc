#include "agent/launcher/helper/sandbox_start.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "agent/launcher/helper/sandbox_entry.h"
#include "agent/launcher/helper/sandbox_filter.h"
#include "agent/launcher/helper/sandbox_image.h"
#include "agent/launcher/helper/sandbox_init.h"
#include "agent/launcher/helper/sandbox_landlock.h"

namespace hearth::agent::helper {
namespace {

constexpr std::uint64_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

using Step = std::optional<ChildFailure>;

// Never waits, whatever the path is: O_NONBLOCK has a pipe without a reader refused.
Step write_once(ChildStage stage, const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid() || write(fd.get(), text.data(), text.size()) != std::ssize(text)) {
    return make_failure(stage, errno, path);
  }
  return std::nullopt;
}

Step write_maps(const SandboxPlan& plan, pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string uids;
  std::string gids;
  if (plan.id_base) {
    uids = "0 " + std::to_string(*plan.id_base) + " " + std::to_string(limits::kSandboxIds);
    gids = uids;
  } else {
    // Without root a process may give away its own ids alone, and for its group only once nobody
    // inside can drop a group by which he is denied something.
    if (auto failed = write_once(ChildStage::IdMap, folder + "/setgroups", "deny")) {
      return failed;
    }
    uids = std::to_string(plan.uid) + " " + std::to_string(geteuid()) + " 1";
    gids = std::to_string(plan.gid) + " " + std::to_string(getegid()) + " 1";
  }
  if (auto failed = write_once(ChildStage::IdMap, folder + "/gid_map", gids)) {
    return failed;
  }
  return write_once(ChildStage::IdMap, folder + "/uid_map", uids);
}

Step fetch_image(const SandboxPlan& plan, const SandboxStart& start) {
  if (!courier_brings_image(plan)) {
    return std::nullopt;
  }
  const pid_t courier = fork();
  if (courier == 0) {
    send_image(start.control.get(), start.pid, plan.image_root);
  }
  return courier > 0 ? Step() : make_failure(ChildStage::ImageRoot, errno, "fork");
}

Step refusal_of(const SandboxPlan& plan, const SandboxKit& kit) {
  if (plan.upload_fd >= 0 && !kit.unpack) {
    return make_failure(ChildStage::Upload, 0, "this hearth-launcher cannot unpack archives");
  }
  if (!plan.id_base && geteuid() == 0) {
    // Host root as the only id inside would own the machine's settings in /proc/sys.
    return make_failure(ChildStage::IdMap, 0, "the agent is root and gave no range of ids");
  }
  return std::nullopt;
}

// As fork; `ends` are the helper's and the init's of the control socket.
// Makes the next user namespace belong to the first id of its own range: the kernel charges what is
// held inside (inotify instances and the like) to that namespace's owner too, and root's share must
// not be used up by strangers. Rights stay as they are.
class OwnerVisit {
 public:
  explicit OwnerVisit(std::optional<std::uint32_t> id) : is_there_(id.has_value()) {
    if (is_there_) {
      valid_ = prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0 &&
               syscall(SYS_setresuid, -1, *id, -1) == 0;
    }
  }
  ~OwnerVisit() {
    if (is_there_) {
      const int error = errno;
      if (syscall(SYS_setresuid, -1, 0, -1) != 0 || prctl(PR_SET_SECUREBITS, 0) != 0) {
        abort();  // nothing more may be started by somebody else
      }
      errno = error;
    }
  }
  OwnerVisit(const OwnerVisit&) = delete;
  OwnerVisit& operator=(const OwnerVisit&) = delete;
  [[nodiscard]] bool valid() const { return valid_; }

 private:
  const bool is_there_;
  bool valid_ = true;
};

pid_t clone_init(ChildPlan& plan, const SandboxKit& kit, const SandboxOrigin& origin,
                 const std::array<int, 2>& ends) {
  const bool own_network = !plan.request.sandbox->network && origin.network_fd < 0;
  // What the helper ignores the init will wait for: it must not be lost between.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  // Only what can be looked into by its user can have its ids set by one who is not root.
  const bool by_user = !plan.request.sandbox->id_base;
  if (by_user) {
    prctl(PR_SET_DUMPABLE, 1);
  }
  pid_t pid = -1;
  {
    const NamespaceVisit visit(origin.mounts_fd, origin.network_fd);
    const OwnerVisit owner(plan.request.sandbox->id_base);
    if (visit.valid() && owner.valid()) {
      pid = fork_into(plan.groups, kNamespaces | (own_network ? CLONE_NEWNET : 0ULL));
      if (pid == 0) {
        close(ends[0]);
        run_init(plan, kit, {.control_fd = ends[1], .from_template = origin.mounts_fd >= 0});
      }
    }
  }
  const int error = errno;
  prctl(PR_SET_DUMPABLE, 0);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

}  // namespace

Result<SandboxKit> make_sandbox_kit(Unpack unpack) {
  SandboxKit kit;
  HEARTH_ASSIGN(kit.filter, build_filter(false));
  HEARTH_ASSIGN(kit.filter_with_network, build_filter(true));
  kit.landlock_abi = landlock_abi();
  kit.unpack = std::move(unpack);
  return kit;
}

SandboxStart start_sandbox(ChildPlan& plan, const SandboxKit& kit, const SandboxOrigin& origin) {
  const SandboxPlan& sandbox = *plan.request.sandbox;
  SandboxStart start;
  start.failure = refusal_of(sandbox, kit);
  if (!start.failure) {
    start.failure = open_files(plan.groups);
  }
  if (start.failure) {
    return start;
  }
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    start.failure = make_failure(ChildStage::Namespaces, errno, "socketpair");
    return start;
  }
  start.control = UniqueFd(ends[0]);
  const UniqueFd init_end(ends[1]);

  start.pid = clone_init(plan, kit, origin, ends);
  if (start.pid < 0) {
    start.failure = make_failure(ChildStage::Namespaces, errno, "clone3");
    return start;
  }
  start.failure = write_maps(sandbox, start.pid);
  if (!start.failure) {
    send(start.control.get(), "g", 1, MSG_NOSIGNAL);
    start.failure = fetch_image(sandbox, start);
  }
  if (start.failure) {
    kill(start.pid, SIGKILL);
  }
  return start;
}

std::int64_t cpu_us_of(const rusage& usage) {
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

std::optional<SandboxEnd> read_end(int control_fd) {
  SandboxEnd end;
  if (recv(control_fd, &end, sizeof end, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof end)) {
    return std::nullopt;
  }
  return end;
}

}  // namespace hearth::agent::helper
