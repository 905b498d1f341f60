#include "agent/launcher/helper/sandbox_image.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

constexpr std::uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

constexpr unsigned kParcelFds = 2;

union ControlBuffer {
  cmsghdr align;
  std::array<char, CMSG_SPACE(kParcelFds * sizeof(int))> bytes;
};

// One message: an errno, and without one descriptors.
struct Parcel {
  int error = EPIPE;
  std::array<UniqueFd, kParcelFds> fds;
};

bool send_parcel(int socket_fd, int error, std::span<const int> fds) {
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part, .msg_iovlen = 1};
  if (error == 0) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  return sendmsg(socket_fd, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof error);
}

Parcel receive_parcel(int socket_fd) {
  Parcel parcel;
  int error = EPIPE;
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = control.bytes.data(),
                .msg_controllen = control.bytes.size()};
  ssize_t got = 0;
  do {
    got = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (got != static_cast<ssize_t>(sizeof error) || (error == 0 && rights == nullptr)) {
    return parcel;
  }
  parcel.error = error;
  for (std::size_t i = 0;
       rights != nullptr && i < kParcelFds && CMSG_LEN((i + 1) * sizeof(int)) <= rights->cmsg_len;
       ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof fd, sizeof fd);
    parcel.fds[i].reset(fd);
  }
  return parcel;
}

// Only in the init's mount namespace can its mounts become layers.
void serve_overlay(int socket_fd, int namespace_fd) {
  const Parcel asked = receive_parcel(socket_fd);
  if (asked.error != 0) {
    return;  // dismissed
  }
  UniqueFd overlay;
  if (setns(namespace_fd, CLONE_NEWNS) == 0 && fchdir(asked.fds[0].get()) == 0) {
    // Relative, for the folder may be reached by no path of this process.
    std::string step;
    overlay = mounts::try_file_system(
        "overlay", {{"lowerdir", kLower}, {"upperdir", kUpper}, {"workdir", kLayer}},
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, step);
  }
  send_parcel(socket_fd, overlay.valid() ? 0 : errno, {{overlay.get()}});
}

}  // namespace

void send_image(int control_fd, pid_t init, const std::string& image_root) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The helper's other descriptors are others' jobs, whose ends must not wait for this process.
  if (dup2(control_fd, 0) != 0 || close_range(1, UINT_MAX, 0) != 0) {
    _exit(1);
  }
  const int tree = open_tree(AT_FDCWD, image_root.c_str(),
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
  const std::string namespaces = "/proc/" + std::to_string(init) + "/ns/";
  const int mounts = open((namespaces + "mnt").c_str(), O_RDONLY | O_CLOEXEC);
  std::array<int, 2> ends{-1, -1};
  if (tree < 0 || mounts < 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    send_parcel(0, errno, {});
    _exit(0);
  }
  const int ids = open((namespaces + "user").c_str(), O_RDONLY | O_CLOEXEC);
  mount_attr mapped{.attr_set = kAttributes | MOUNT_ATTR_IDMAP,
                    .userns_fd = static_cast<std::uint64_t>(ids)};
  mount_attr plain{.attr_set = kAttributes};
  const bool ready =
      (ids >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &mapped, sizeof mapped) == 0) ||
      mount_setattr(tree, "", AT_EMPTY_PATH, &plain, sizeof plain) == 0;
  send_parcel(0, ready ? 0 : errno, {{tree, ends[0]}});
  close(ends[0]);
  serve_overlay(ends[1], mounts);
  _exit(0);
}

BroughtImage receive_image(const StatusPipe& status, int control_fd,
                           const std::string& image_root) {
  Parcel parcel = receive_parcel(control_fd);
  if (parcel.error != 0 || !parcel.fds[1].valid()) {
    status.fail(ChildStage::ImageRoot, parcel.error == 0 ? EPIPE : parcel.error, image_root);
  }
  return {.tree = std::move(parcel.fds[0]), .courier = std::move(parcel.fds[1])};
}

UniqueFd receive_overlay(const StatusPipe& status, int courier_fd, int scratch) {
  Parcel parcel;
  if (send_parcel(courier_fd, 0, {{scratch}})) {
    parcel = receive_parcel(courier_fd);
  }
  if (parcel.error != 0) {
    status.fail(ChildStage::Overlay, parcel.error, "make overlay");
  }
  return std::move(parcel.fds[0]);
}

}  // namespace hearth::agent::helper
