#include "agent/launcher/helper/sandbox_templates.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <utility>

#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

// Nothing where sandboxes of this plan do not begin with a template.
std::optional<std::string> kind_of(const SandboxPlan& plan) {
  if (!plan.image_root.empty() || !plan.id_base) {
    return std::nullopt;
  }
  std::string kind =
      std::to_string(plan.uid) + " " + std::to_string(plan.gid) + (plan.network ? " network" : "");
  for (const std::string& path : plan.read_only_paths) {
    kind += '\0' + path;
  }
  return kind;
}

// One byte says that it is done; it lives until the helper has taken hold of its namespace.
[[noreturn]] void build(const SandboxPlan& plan, int helper_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (dup2(helper_fd, 0) != 0 || close_range(1, UINT_MAX, 0) != 0 || unshare(CLONE_NEWNS) != 0) {
    _exit(1);
  }
  const StatusPipe nobody(-1);  // a sandbox that begins without a template says what is wrong
  SandboxMounts mounts(nobody, plan, -1, -1);
  mounts.make_template();
  char byte = 'd';
  if (write(0, &byte, 1) == 1) {
    [[maybe_unused]] const ssize_t end = read(0, &byte, 1);
  }
  _exit(0);
}

}  // namespace

int Templates::find(const SandboxPlan& plan, std::int64_t now_ms) {
  const auto kind = kind_of(plan);
  const auto found = kind ? templates_.find(*kind) : templates_.end();
  return found != templates_.end() && now_ms < found->second.until_ms ? found->second.mounts.get()
                                                                      : -1;
}

std::optional<Templates::Builder> Templates::begin(const SandboxPlan& plan, std::int64_t now_ms) {
  const auto kind = kind_of(plan);
  if (!enabled_ || !kind) {
    return std::nullopt;
  }
  if (const auto found = templates_.find(*kind);
      found != templates_.end() &&
      (found->second.builder != 0 || now_ms < found->second.until_ms)) {
    return std::nullopt;
  }
  make_room();
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  const UniqueFd builders_end(ends[1]);
  UniqueFd own_end(ends[0]);
  const pid_t pid = fork();
  if (pid == 0) {
    umask(0);
    build(plan, builders_end.get());
  }
  if (pid < 0) {
    return std::nullopt;
  }
  templates_[*kind] = Template{.builder = pid, .builder_fd = std::move(own_end)};
  return Builder{.pid = pid, .fd = ends[0]};
}

UniqueFd Templates::finish(pid_t pid, std::int64_t now_ms) {
  const auto found = std::find_if(templates_.begin(), templates_.end(),
                                  [pid](const auto& entry) { return entry.second.builder == pid; });
  if (found == templates_.end()) {
    return UniqueFd();
  }
  Template& made = found->second;
  char done = 0;
  if (recv(made.builder_fd.get(), &done, 1, MSG_DONTWAIT) == 1) {
    made.mounts.reset(
        open(("/proc/" + std::to_string(pid) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  }
  made.builder = 0;
  made.until_ms = now_ms + limits::kSandboxTemplateFor.count();
  return std::move(made.builder_fd);
}

// The one that is out of use first goes.
void Templates::make_room() {
  while (std::ssize(templates_) >= limits::kSandboxTemplatesMax) {
    const auto oldest = std::min_element(
        templates_.begin(), templates_.end(), [](const auto& one, const auto& other) {
          return std::pair(one.second.builder != 0, one.second.until_ms) <
                 std::pair(other.second.builder != 0, other.second.until_ms);
        });
    if (oldest->second.builder != 0) {
      return;  // all are being made
    }
    templates_.erase(oldest);
  }
}

}  // namespace hearth::agent::helper
