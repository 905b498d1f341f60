#include "agent/sandbox/scratch_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace hearth::agent {
namespace {

// Made before the fork: the child of a process with threads may not allocate.
struct MountTexts {
  std::string size;
  std::string inodes;
  std::string uid_map;
  std::string gid_map;
};

MountTexts texts_of(const ScratchOptions& options) {
  return {.size = std::to_string(options.bytes),
          .inodes = std::to_string(options.inodes),
          .uid_map = std::to_string(options.uid) + " " + std::to_string(geteuid()) + " 1",
          .gid_map = std::to_string(options.gid) + " " + std::to_string(getegid()) + " 1"};
}

Error mount_error(int error) {
  Error failure = system_error("make the tmpfs of a sandbox's scratch", error);
  if (error == EPERM) {
    failure.code = ErrorCode::PermissionDenied;
    failure.message += "; the agent must be root, or the kernel allow user namespaces to others";
  }
  return failure;
}

// -1 with errno. Only system calls.
int mount_tmpfs(const MountTexts& texts) {
  const UniqueFd context(fsopen("tmpfs", FSOPEN_CLOEXEC));
  const std::array<std::pair<const char*, const char*>, 3> wanted = {
      {{"size", texts.size.c_str()}, {"nr_inodes", texts.inodes.c_str()}, {"mode", "0755"}}};
  if (!context.valid()) {
    return -1;
  }
  for (const auto& [name, value] : wanted) {
    if (fsconfig(context.get(), FSCONFIG_SET_STRING, name, value, 0) != 0) {
      return -1;
    }
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return -1;
  }
  return fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

bool write_own(const char* path, std::string_view text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == std::ssize(text);
}

union ControlBuffer {
  cmsghdr align;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// One message: an errno, and with 0 the descriptor. Only system calls.
[[noreturn]] void mount_and_send(int socket_fd, const MountTexts& texts) {
  int tree = -1;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_own("/proc/self/setgroups", "deny") &&
      write_own("/proc/self/gid_map", texts.gid_map) &&
      write_own("/proc/self/uid_map", texts.uid_map)) {
    tree = mount_tmpfs(texts);
  }
  int error = tree < 0 ? errno : 0;
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part, .msg_iovlen = 1};
  if (tree >= 0) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof tree);
    std::memcpy(CMSG_DATA(rights), &tree, sizeof tree);
  }
  _exit(sendmsg(socket_fd, &header, MSG_NOSIGNAL) < 0 ? 1 : 0);
}

Result<UniqueFd> receive_tree(int socket_fd) {
  int error = EPIPE;
  iovec part{.iov_base = &error, .iov_len = sizeof error};
  ControlBuffer control{};
  msghdr header{.msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = control.bytes.data(),
                .msg_controllen = control.bytes.size()};
  ssize_t got = 0;
  do {
    got = recvmsg(socket_fd, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (got != static_cast<ssize_t>(sizeof error) || error != 0 || rights == nullptr) {
    return mount_error(error == 0 ? EPIPE : error);
  }
  int tree = -1;
  std::memcpy(&tree, CMSG_DATA(rights), sizeof tree);
  return UniqueFd(tree);
}

Result<UniqueFd> mount_by_child(const MountTexts& texts) {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return mount_error(errno);
  }
  const UniqueFd own_end(ends[0]);
  UniqueFd childs_end(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    mount_and_send(childs_end.get(), texts);
  }
  if (child < 0) {
    return mount_error(errno);
  }
  childs_end.reset();
  auto tree = receive_tree(own_end.get());
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return tree;
}

}  // namespace

Result<UniqueFd> new_scratch_tmpfs(const ScratchOptions& options) {
  const MountTexts texts = texts_of(options);
  if (!options.id_base && geteuid() != 0) {
    return mount_by_child(texts);
  }
  UniqueFd tree(mount_tmpfs(texts));
  if (!tree.valid()) {
    return mount_error(errno);
  }
  return tree;
}

}  // namespace hearth::agent
