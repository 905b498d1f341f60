#include "agent/launcher/helper/sandbox_networks.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/sandbox_limits.h"

namespace hearth::agent::helper {

Result<UniqueFd> Networks::take() {
  if (!idle_.empty()) {
    UniqueFd network = std::move(idle_.back());
    idle_.pop_back();
    return network;
  }
  const UniqueFd own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.valid() || unshare(CLONE_NEWNET) != 0) {
    return system_error("make a network namespace", errno);
  }
  UniqueFd network(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const int error = errno;
  if (setns(own.get(), CLONE_NEWNET) != 0) {
    std::perror("hearth-launcher: cannot return to its network");
    _exit(1);  // the agent starts another
  }
  if (!network.valid()) {
    return system_error("open a network namespace", error);
  }
  return network;
}

void Networks::give_back(UniqueFd network) {
  if (network.valid() && std::ssize(idle_) < limits::kSandboxNetworksKept) {
    idle_.push_back(std::move(network));
  }
}

}  // namespace hearth::agent::helper
