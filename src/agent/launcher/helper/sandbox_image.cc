#include "agent/launcher/helper/sandbox_image.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hearth::agent::helper {
namespace {

constexpr std::uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

union ControlBuffer {
  cmsghdr align;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// One message: an errno, and without one a descriptor.
void send_tree(int socket_fd, int error, int tree) {
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part, .msg_iovlen = 1};
  if (error == 0) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof tree);
    std::memcpy(CMSG_DATA(rights), &tree, sizeof tree);
  }
  sendmsg(socket_fd, &header, MSG_NOSIGNAL);
}

}  // namespace

void send_image(int control_fd, pid_t init, const std::string& image_root) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int tree = open_tree(AT_FDCWD, image_root.c_str(),
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
  if (tree < 0) {
    send_tree(control_fd, errno, -1);
    _exit(0);
  }
  const int ids =
      open(("/proc/" + std::to_string(init) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC);
  mount_attr mapped{.attr_set = kAttributes | MOUNT_ATTR_IDMAP,
                    .userns_fd = static_cast<std::uint64_t>(ids)};
  mount_attr plain{.attr_set = kAttributes};
  const bool ready =
      (ids >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &mapped, sizeof mapped) == 0) ||
      mount_setattr(tree, "", AT_EMPTY_PATH, &plain, sizeof plain) == 0;
  send_tree(control_fd, ready ? 0 : errno, tree);
  _exit(0);
}

UniqueFd receive_image(const StatusPipe& status, int control_fd, const std::string& image_root) {
  int error = EPIPE;
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = control.bytes.data(),
                .msg_controllen = control.bytes.size()};
  ssize_t got = 0;
  do {
    got = recvmsg(control_fd, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (got != static_cast<ssize_t>(sizeof error) || error != 0 || rights == nullptr) {
    status.fail(ChildStage::ImageRoot, error == 0 ? EPIPE : error, image_root);
  }
  int tree = -1;
  std::memcpy(&tree, CMSG_DATA(rights), sizeof tree);
  return UniqueFd(tree);
}

}  // namespace hearth::agent::helper
