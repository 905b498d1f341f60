// The root of level process: a small tmpfs with the machine's /usr and a /etc of its own.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "agent/launcher/helper/sandbox_mounts.h"

namespace hearth::agent::helper {
namespace {

constexpr std::array kSystemFolders = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
// What programs look for in /etc and what says nothing of the machine.
constexpr std::array kEtc = {"ld.so.cache", "alternatives", "ssl/openssl.cnf"};
constexpr std::array kEtcForNetwork = {"ssl/certs", "resolv.conf", "services", "protocols"};

std::string link_text(const std::string& path) {
  std::array<char, 4096> text{};
  const ssize_t size = readlink(path.c_str(), text.data(), text.size());
  return size <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
}

}  // namespace

void SandboxMounts::take_system() {
  take(ChildStage::Root, "/usr", "usr", true);
  for (const char* name : kSystemFolders) {
    const std::string path = std::string("/") + name;
    if (std::string text = link_text(path); !text.empty()) {
      links_.push_back({.target = name, .text = std::move(text)});
    } else {
      take(ChildStage::Root, path, name, false);
    }
  }
}

void SandboxMounts::take_etc() {
  const auto take_one = [this](const char* name) {
    take(ChildStage::Root, std::string("/etc/") + name, std::string("etc/") + name, false);
  };
  for (const char* name : kEtc) {
    take_one(name);
  }
  if (plan_.network) {
    for (const char* name : kEtcForNetwork) {
      take_one(name);
    }
  }
  if (std::string zone = link_text("/etc/localtime"); !zone.empty()) {
    links_.push_back({.target = "etc/localtime", .text = std::move(zone)});
  } else {
    take_one("localtime");
  }
}

void SandboxMounts::take_paths() {
  for (const std::string& path : plan_.read_only_paths) {
    if (plan_.image_root.empty() && path.starts_with("/usr/")) {
      continue;  // is there already
    }
    take(ChildStage::ReadOnlyPath, path, path.substr(1), true);
  }
}

void SandboxMounts::make_root(int stage, const char* place) {
  std::vector<mounts::Option> options = {{"size", std::to_string(limits::kSandboxRootBytes)},
                                         {"nr_inodes", std::to_string(limits::kSandboxRootInodes)},
                                         {"mode", "0755"}};
  root_ = mounts::new_file_system(status_, ChildStage::Root, "tmpfs", options,
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (move_mount(root_.get(), "", stage, place, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail(ChildStage::Root, place);
  }
  for (const char* folder : {"etc", "proc", "work", "tmp"}) {
    mounts::make_place(status_, ChildStage::Root, root_.get(), folder, true);
  }
  fill_etc(root_.get());
}

void SandboxMounts::fill_etc(int root) {
  const std::string ids = std::to_string(plan_.uid) + ":" + std::to_string(plan_.gid);
  const auto write = [this, root](const char* path, const std::string& text) {
    mounts::write_text(status_, ChildStage::Root, root, path, text);
  };
  write("etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\ntask:x:" + ids +
                          ":task:/work:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n");
  write("etc/group", "root:x:0:\ntask:x:" + std::to_string(plan_.gid) + ":\nnogroup:x:65534:\n");
  write("etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n");
  write("etc/hostname", "sandbox\n");
  write("etc/nsswitch.conf", plan_.network ? "passwd: files\ngroup: files\nhosts: files dns\n"
                                           : "passwd: files\ngroup: files\nhosts: files\n");
}

void SandboxMounts::seal_root() {
  if (!plan_.image_root.empty()) {
    return;  // the overlay's layer is the task's own
  }
  mount_attr wanted{.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(root_.get(), "", AT_EMPTY_PATH, &wanted, sizeof wanted) != 0) {
    fail(ChildStage::Root, "make / read-only");
  }
}

void SandboxMounts::enter_root() {
  // The machine's root ends up on top of ours, from where it is taken with all that is below it.
  if (fchdir(root_.get()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    fail(ChildStage::Pivot, "pivot_root");
  }
}

}  // namespace hearth::agent::helper
