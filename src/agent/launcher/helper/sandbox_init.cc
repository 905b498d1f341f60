#include "agent/launcher/helper/sandbox_init.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>

#include "agent/launcher/helper/exec.h"
#include "agent/launcher/helper/sandbox_filter.h"
#include "agent/launcher/helper/sandbox_identity.h"
#include "agent/launcher/helper/sandbox_landlock.h"
#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

constexpr std::string_view kHostName = "sandbox";
constexpr std::array kForwarded = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr int kExitLeft = 127;

// The helper's end of the socket closes with the helper.
void die_with_helper(int control_fd) {
  pollfd closed{.fd = control_fd, .events = POLLRDHUP};
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
      (poll(&closed, 1, 0) == 1 && (closed.revents & (POLLHUP | POLLRDHUP)) != 0)) {
    _exit(kExitLeft);
  }
}

void wait_for_go(int control_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char go = 0;
  ssize_t got = 0;
  do {
    got = read(control_fd, &go, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) {
    _exit(kExitLeft);
  }
}

void name_host(const StatusPipe& status) {
  if (unshare(CLONE_NEWCGROUP) != 0 || sethostname(kHostName.data(), kHostName.size()) != 0 ||
      setdomainname("", 0) != 0) {
    status.fail(ChildStage::Namespaces, errno, "unshare, sethostname");
  }
}

void unpack_upload(const StatusPipe& status, const ChildPlan& plan, const SandboxKit& kit) {
  if (plan.upload_fd < 0) {
    return;
  }
  const int work = open("/work", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (work < 0) {
    status.fail(ChildStage::Upload, errno, "/work");
  }
  if (const std::string why = kit.unpack(plan.upload_fd, work); !why.empty()) {
    status.fail(ChildStage::Upload, 0, why);
  }
}

[[noreturn]] void run_task(const ChildPlan& plan, const SandboxKit& kit) {
  StatusPipe status(plan.status_fd);
  const SandboxPlan& sandbox = *plan.request.sandbox;
  if (setsid() < 0) {
    status.fail(ChildStage::Session, errno, "setsid");
  }
  set_resource_limits(status, sandbox);
  become_task(status, sandbox);
  umask(S_IWGRP | S_IWOTH);
  reset_signals();
  // Before the upload is read: this is still a copy of the launcher, which knows of other jobs.
  restrict_files(status, sandbox, kit.landlock_abi);
  install_filter(status, sandbox.network ? kit.filter_with_network : kit.filter);
  unpack_upload(status, plan, kit);
  place_descriptors(status, plan.streams, plan.extras);
  const std::string cwd = plan.request.cwd.empty() ? "/work" : plan.request.cwd;
  if (chdir(cwd.c_str()) != 0) {
    status.fail(ChildStage::Directory, errno, cwd);
  }
  exec_command(status, plan.request.command, plan.request.env);
}

void report_end(int control_fd, int wait_status) {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const SandboxEnd end{.wait_status = wait_status,
                       .cpu_us = cpu_us_of(usage),
                       .max_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1'024};
  send(control_fd, &end, sizeof end, MSG_NOSIGNAL);
}

// True when the program itself was among those reaped.
bool reap(pid_t task, int& wait_status) {
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) != 0;) {
    if (pid == task) {
      wait_status = status;
      return true;
    }
    if (pid < 0 && errno != EINTR) {
      return false;
    }
  }
  return false;
}

[[noreturn]] void look_after(pid_t task, int control_fd) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  for (const int number : kForwarded) {
    sigaddset(&awaited, number);
  }
  while (true) {
    const int number = sigwaitinfo(&awaited, nullptr);
    int wait_status = 0;
    if (number == SIGCHLD && reap(task, wait_status)) {
      report_end(control_fd, wait_status);
      _exit(0);  // and with it all that is left inside
    }
    if (number > 0 && number != SIGCHLD) {
      kill(task, number);
    }
  }
}

}  // namespace

void run_init(const ChildPlan& plan, const SandboxKit& kit, const InitSide& side) {
  const StatusPipe status(plan.status_fd);
  const SandboxPlan& sandbox = *plan.request.sandbox;
  wait_for_go(side.control_fd);
  enter_groups(status, plan.groups.files);
  prctl(PR_SET_DUMPABLE, 0);
  umask(0);
  if (setsid() < 0) {
    status.fail(ChildStage::Session, errno, "setsid");
  }
  SandboxMounts mounts(status, sandbox, plan.scratch_fd, side.control_fd);
  if (!side.from_template) {
    // The machine's paths are opened while this is still its user: a folder that leads to one may
    // be closed to others.
    mounts.take_from_machine();
  }
  become_inside_root(status, sandbox);
  die_with_helper(side.control_fd);  // the change of user made the kernel forget it
  name_host(status);
  if (side.from_template) {
    mounts.make_inside_from_template();
  } else {
    mounts.make_inside();
  }
  lock_capabilities(status);
  const pid_t task = fork();
  if (task == 0) {
    run_task(plan, kit);
  }
  if (task < 0) {
    status.fail(ChildStage::Init, errno, "fork");
  }
  // Whoever reads the program's output, or waits for its exec, waits for the program alone.
  if (dup2(side.control_fd, 0) != 0 || close_range(1, UINT_MAX, 0) != 0) {
    _exit(kExitLeft);
  }
  keep_kill_only(StatusPipe(-1));
  look_after(task, 0);
}

}  // namespace hearth::agent::helper
