// Other views of files: mounts, roots, handles, quotas, swap.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr long kOpenTreeAttr = 467;

// The kernel writes it, behind a head whose last member has no size of its own.
class Handle {
 public:
  Handle() { head()->handle_bytes = MAX_HANDLE_SZ; }
  file_handle* head() { return reinterpret_cast<file_handle*>(bytes_.data()); }
  int take(const char* path) {
    int mount_id = 0;
    return ::name_to_handle_at(AT_FDCWD, path, head(), &mount_id, 0);
  }
  // As ext4 has it for its root, whose inode is 2.
  void guess() {
    head()->handle_bytes = 8;
    head()->handle_type = 1;
    bytes_[sizeof(file_handle)] = 2;
  }

 private:
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + MAX_HANDLE_SZ> bytes_{};
};

// A file handle needs no path that leads to the file (as in the escape from Docker that was called
// "shocker").
std::string open_by_handle() {
  Handle handle;
  if (handle.take("/usr") != 0) {
    handle.guess();
  }
  const int folder = ::open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return outcome(::open_by_handle_at(folder, handle.head(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string name_to_handle() {
  Handle handle;
  return outcome(handle.take("/usr"));
}

std::string clone_tree(unsigned flags) {
  return outcome(::open_tree(AT_FDCWD, "/usr", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

std::string make_writable() {
  mount_attr wanted{};
  wanted.attr_clr = MOUNT_ATTR_RDONLY;
  return outcome(::mount_setattr(AT_FDCWD, "/usr", 0, &wanted, sizeof wanted));
}

constexpr std::array kProbes = {
    Probe{
        "mount-tmpfs",
        [](const Arguments&) { return outcome(::mount("attack", "/tmp", "tmpfs", 0, "size=4k")); }},
    Probe{"mount-bind",
          [](const Arguments&) {
            return outcome(::mount("/usr", "/tmp", nullptr, MS_BIND | MS_REC, nullptr));
          }},
    Probe{"mount-proc",
          [](const Arguments&) { return outcome(::mount("proc", "/tmp", "proc", 0, nullptr)); }},
    Probe{"mount-fuse",
          [](const Arguments&) {
            return outcome(::mount("fuse", "/tmp", "fuse", 0,
                                   "fd=0,rootmode=40000,user_id=1000,group_id=1000"));
          }},
    Probe{
        "mount-cgroup",
        [](const Arguments&) { return outcome(::mount("cgroup", "/tmp", "cgroup2", 0, nullptr)); }},
    Probe{"remount-writable",
          [](const Arguments&) {
            return outcome(::mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr));
          }},
    Probe{"mount-shared",
          [](const Arguments&) {
            return outcome(::mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr));
          }},
    Probe{"unmount-cover",
          [](const Arguments&) { return outcome(::umount2("/proc/sys", MNT_DETACH)); }},
    Probe{"pivot-root",
          [](const Arguments&) { return outcome(::syscall(SYS_pivot_root, "/tmp", "/tmp")); }},
    Probe{"chroot", [](const Arguments&) { return outcome(::chroot("/tmp")); }},
    Probe{"fsopen", [](const Arguments&) { return outcome(::fsopen("tmpfs", FSOPEN_CLOEXEC)); }},
    Probe{"fsmount", [](const Arguments&) { return outcome(::fsmount(-1, FSMOUNT_CLOEXEC, 0)); }},
    Probe{"fspick",
          [](const Arguments&) { return outcome(::fspick(AT_FDCWD, "/", FSPICK_CLOEXEC)); }},
    Probe{"open-tree", [](const Arguments&) { return clone_tree(0); }},
    Probe{"open-tree-recursive", [](const Arguments&) { return clone_tree(AT_RECURSIVE); }},
    Probe{"open-tree-attributes",
          [](const Arguments&) {
            mount_attr wanted{};
            wanted.attr_clr = MOUNT_ATTR_RDONLY;
            return outcome(::syscall(kOpenTreeAttr, AT_FDCWD, "/usr", OPEN_TREE_CLONE, &wanted,
                                     sizeof wanted));
          }},
    Probe{"move-mount",
          [](const Arguments&) {
            return outcome(::move_mount(AT_FDCWD, "/proc/sys", AT_FDCWD, "/tmp", 0));
          }},
    Probe{"mount-setattr", [](const Arguments&) { return make_writable(); }},
    Probe{"name-to-handle", [](const Arguments&) { return name_to_handle(); }},
    Probe{"open-by-handle", [](const Arguments&) { return open_by_handle(); }},
    Probe{"quotactl",
          [](const Arguments&) {
            return outcome(::quotactl(QCMD(Q_SYNC, USRQUOTA), "/dev/nothing", 0, nullptr));
          }},
    Probe{"swapon", [](const Arguments&) { return outcome(::swapon("/work/nothing", 0)); }},
    Probe{"swapoff", [](const Arguments&) { return outcome(::swapoff("/work/nothing")); }},
    Probe{"acct", [](const Arguments&) { return outcome(::acct("/work/nothing")); }},
};

}  // namespace

std::span<const Probe> mount_probes() {
  return kProbes;
}

}  // namespace hearth::attack
