#include "agent/launcher/helper/sandbox_entry.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace hearth::agent::helper {

NamespaceVisit::NamespaceVisit(int mounts_fd, int network_fd) {
  if (network_fd >= 0) {
    own_network_.reset(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    valid_ = own_network_.valid() && setns(network_fd, CLONE_NEWNET) == 0;
  }
  if (valid_ && mounts_fd >= 0) {
    own_mounts_.reset(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    own_root_.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    own_folder_.reset(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    valid_ = own_mounts_.valid() && own_root_.valid() && own_folder_.valid() &&
             setns(mounts_fd, CLONE_NEWNS) == 0;
  }
}

// Entering a mount namespace moves root and working directory to its root: both are put back, since
// this process may have been started in a chroot.
NamespaceVisit::~NamespaceVisit() {
  const int error = errno;
  const bool left_network = !own_network_.valid() || setns(own_network_.get(), CLONE_NEWNET) == 0;
  const bool left_mounts =
      !own_mounts_.valid() ||
      (setns(own_mounts_.get(), CLONE_NEWNS) == 0 && fchdir(own_root_.get()) == 0 &&
       chroot(".") == 0 && fchdir(own_folder_.get()) == 0);
  if (!left_network || !left_mounts) {
    std::perror("hearth-launcher: cannot return to its namespaces");
    _exit(1);  // the agent starts another
  }
  errno = error;
}

}  // namespace hearth::agent::helper
