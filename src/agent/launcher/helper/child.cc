#include "agent/launcher/helper/child.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include "agent/launcher/helper/exec.h"

namespace hearth::agent::helper {
namespace {

constexpr rlim_t kOpenFilesSoft = 1024;  // what programs that use select() expect
constexpr int kExitNotStarted = 127;

void set_limits() {
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min(files.rlim_max, kOpenFilesSoft);
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

void become_user(const StatusPipe& status, const SpawnRequest& request) {
  if (!request.uid && !request.gid) {
    return;
  }
  if (setgroups(0, nullptr) != 0) {
    status.fail(ChildStage::User, errno, "setgroups");
  }
  if (request.gid && setresgid(*request.gid, *request.gid, *request.gid) != 0) {
    status.fail(ChildStage::User, errno, "setresgid " + std::to_string(*request.gid));
  }
  if (request.uid && setresuid(*request.uid, *request.uid, *request.uid) != 0) {
    status.fail(ChildStage::User, errno, "setresuid " + std::to_string(*request.uid));
  }
}

}  // namespace

void run_child(const ChildPlan& plan) {
  StatusPipe status(plan.status_fd);
  if (setsid() < 0) {
    status.fail(ChildStage::Session, errno, "setsid");
  }
  enter_groups(status, plan.groups.files);
  set_limits();
  umask(S_IWGRP | S_IWOTH);
  reset_signals();
  place_descriptors(status, plan.streams, plan.extras);
  become_user(status, plan.request);
  // After the change of user, which clears it. The helper may have died before it was set.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != plan.helper_pid) {
    _exit(kExitNotStarted);
  }
  const std::string& cwd = plan.request.cwd;
  if (!cwd.empty() && chdir(cwd.c_str()) != 0) {
    status.fail(ChildStage::Directory, errno, cwd);
  }
  exec_command(status, plan.request.command, plan.request.env);
}

}  // namespace hearth::agent::helper
