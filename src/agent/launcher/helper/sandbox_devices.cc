// /dev and /proc of a sandbox.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

constexpr std::array kDevices = {"null", "zero", "full", "random", "urandom"};
constexpr std::array<std::pair<const char*, const char*>, 4> kDeviceLinks = {
    {{"dev/fd", "/proc/self/fd"},
     {"dev/stdin", "/proc/self/fd/0"},
     {"dev/stdout", "/proc/self/fd/1"},
     {"dev/stderr", "/proc/self/fd/2"}}};

// Of the machine rather than of a process: shown read-only, or (what is hidden even from reading)
// as if empty. Kernels differ in which of them there are.
constexpr std::array kProcReadOnly = {"sys", "sysrq-trigger", "irq",  "bus",
                                      "fs",  "acpi",          "scsi", "pressure"};
constexpr std::array kProcHidden = {"kcore", "keys", "timer_list", "latency_stats", "sched_debug"};

}  // namespace

void SandboxMounts::take_devices() {
  for (const char* name : kDevices) {
    UniqueFd tree(open_tree(AT_FDCWD, (std::string("/dev/") + name).c_str(),
                            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    struct stat info {};
    if (!tree.valid() || fstat(tree.get(), &info) != 0) {
      fail(ChildStage::Devices, name);
    }
    if (!S_ISCHR(info.st_mode)) {
      errno = ENODEV;
      fail(ChildStage::Devices, name);
    }
    devices_.push_back({.fd = std::move(tree),
                        .target = std::string("dev/") + name,
                        .stage = ChildStage::Devices});
  }
}

// The image may have a /dev of its own: a fresh one hides it.
void SandboxMounts::place_devices() {
  const UniqueFd dev =
      mounts::new_file_system(status_, ChildStage::Devices, "tmpfs",
                              {{"size", "4k"}, {"nr_inodes", "64"}, {"mode", "0755"}},
                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  mounts::make_place(status_, ChildStage::Devices, root_.get(), "dev", true);
  move_to(ChildStage::Devices, dev.get(), "dev");
  for (const MachineTree& device : devices_) {
    mounts::make_place(status_, device.stage, root_.get(), device.target, false);
    mounts::set_attributes(status_, device.stage, device.fd.get(),
                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                           device.target);
    move_to(device.stage, device.fd.get(), device.target);
  }
  for (const auto& [target, text] : kDeviceLinks) {
    if (symlinkat(text, root_.get(), target) != 0) {
      fail(ChildStage::Devices, target);
    }
  }
  mounts::make_place(status_, ChildStage::Devices, root_.get(), "dev/shm", true);
  mount_attr wanted{.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(dev.get(), "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0) {
    fail(ChildStage::Devices, "make /dev read-only");
  }
}

void SandboxMounts::place_proc() {
  const UniqueFd proc =
      mounts::new_file_system(status_, ChildStage::Proc, "proc", {{"hidepid", "invisible"}},
                              MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  move_to(ChildStage::Proc, proc.get(), "proc");
  // Move one by one below the fresh /proc what is to hide a part of it.
  const auto cover = [&](const char* name, int tree) {
    if (tree < 0 || move_mount(tree, "", proc.get(), name, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      if (errno != ENOENT) {
        fail(ChildStage::Proc, name);
      }
    }
  };
  for (const char* name : kProcReadOnly) {
    const UniqueFd tree(open_tree(proc.get(), name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (tree.valid()) {
      mounts::set_attributes(status_, ChildStage::Proc, tree.get(), MOUNT_ATTR_RDONLY, name);
    }
    cover(name, tree.get());
  }
  // The device is read-only where it is, and so are its copies.
  for (const char* name : kProcHidden) {
    const UniqueFd tree(open_tree(root_.get(), "dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    cover(name, tree.get());
  }
}

}  // namespace hearth::agent::helper
