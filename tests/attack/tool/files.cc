// Files outside of what is its own: written, made, taken along.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr const char* kNew = "attack-made-this";

// Made and taken away again.
std::string make_in(const std::string& folder) {
  const std::string path = folder + "/" + kNew;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const std::string line = outcome(fd);
  if (fd >= 0) {
    ::unlink(path.c_str());
  }
  return line;
}

std::string open_to_write(const std::string& path) {
  return outcome(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
}

std::string link_into_work(const std::string& path) {
  const std::string line = outcome(::link(path.c_str(), "/work/attack-link"));
  ::unlink("/work/attack-link");
  return line;
}

// A link leads where its reader's root is: nowhere outside.
std::string through_link(const std::string& path) {
  ::unlink("/work/attack-symlink");
  if (::symlink(path.c_str(), "/work/attack-symlink") != 0) {
    return outcome(-1);
  }
  return outcome(::open("/work/attack-symlink", O_RDONLY | O_CLOEXEC));
}

std::string make_node(mode_t kind, unsigned major, unsigned minor) {
  ::unlink("/work/attack-node");
  if (::mknod("/work/attack-node", kind | 0666, makedev(major, minor)) != 0) {
    return outcome(-1);
  }
  const int fd = ::open("/work/attack-node", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  return fd < 0 ? "contained " + refused(errno) : "allowed";
}

// The streams are opened anew, with what the first opening did not give.
std::string reopen(int fd, int flags) {
  return outcome(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags | O_CLOEXEC));
}

// More ".." than there are folders.
std::string above_root() {
  std::string path;
  for (int i = 0; i < 64; ++i) {
    path += "../";
  }
  const int fd = ::open((path + "etc/shadow").c_str(), O_RDONLY | O_CLOEXEC);
  return outcome(fd);
}

// Out of a folder that is moved while one is in it, as one gets out of a chroot.
std::string moved_folder() {
  ::mkdir("/work/one", 0700);
  ::mkdir("/work/one/two", 0700);
  if (::chdir("/work/one/two") != 0 || ::rename("/work/one/two", "/work/other") != 0) {
    return outcome(-1);
  }
  const std::string line = above_root();
  ::chdir("/work");
  ::rmdir("/work/other");
  return line;
}

std::string device_of_disk() {
  for (const char* disk : {"/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/mem", "/dev/kmem",
                           "/dev/port", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun",
                           "/dev/loop-control", "/dev/userfaultfd", "/dev/vsock", "/dev/uinput"}) {
    if (::access(disk, F_OK) == 0) {
      return std::string("allowed ") + disk;
    }
  }
  return "refused ENOENT";
}

std::string terminal() {
  for (const char* name : {"/dev/tty", "/dev/tty0", "/dev/tty1", "/dev/console", "/dev/ttyS0"}) {
    if (const int fd = ::open(name, O_RDWR | O_CLOEXEC | O_NOCTTY); fd >= 0) {
      return std::string("allowed ") + name;
    }
  }
  return "refused no terminal";
}

// The number with upper bits set means the same to the kernel.
std::string type_ahead(unsigned long request) {
  char letter = 'x';
  return outcome(::ioctl(STDIN_FILENO, request, &letter));
}

constexpr std::array kFileProbes = {
    Probe{"write-root", [](const Arguments&) { return make_in("/"); }},
    Probe{"write-usr", [](const Arguments&) { return make_in("/usr"); }},
    Probe{"write-etc", [](const Arguments&) { return make_in("/etc"); }},
    Probe{"write-dev", [](const Arguments&) { return make_in("/dev"); }},
    Probe{"write-proc", [](const Arguments&) { return make_in("/proc"); }},
    Probe{"write-shown", [](const Arguments& given) { return make_in(text(given, 0)); }},
    Probe{"change-passwd", [](const Arguments&) { return open_to_write("/etc/passwd"); }},
    Probe{"change-loader", [](const Arguments&) { return open_to_write("/etc/ld.so.cache"); }},
    Probe{"change-program", [](const Arguments&) { return open_to_write("/usr/bin/env"); }},
    Probe{"change-own-program", [](const Arguments&) { return open_to_write("/proc/self/exe"); }},
    Probe{"remove-passwd", [](const Arguments&) { return outcome(::unlink("/etc/passwd")); }},
    Probe{"rename-passwd",
          [](const Arguments&) { return outcome(::rename("/etc/passwd", "/etc/passwd2")); }},
    Probe{"mode-of-usr", [](const Arguments&) { return outcome(::chmod("/usr", 0755)); }},
    Probe{"times-of-program",
          [](const Arguments&) {
            return outcome(::utimensat(AT_FDCWD, "/usr/bin/env", nullptr, 0));
          }},
    Probe{"hard-link", [](const Arguments&) { return link_into_work("/etc/passwd"); }},
    Probe{"link-to-passwords", [](const Arguments&) { return through_link("/etc/shadow"); }},
    Probe{"link-to-init", [](const Arguments&) { return through_link("/proc/1/root/etc/shadow"); }},
    Probe{"above-root", [](const Arguments&) { return above_root(); }},
    Probe{"moved-folder", [](const Arguments&) { return moved_folder(); }},
    Probe{"read-own-output", [](const Arguments&) { return reopen(STDOUT_FILENO, O_RDONLY); }},
    Probe{"write-own-input", [](const Arguments&) { return reopen(STDIN_FILENO, O_WRONLY); }},
};

constexpr std::array kDeviceProbes = {
    Probe{"make-disk", [](const Arguments&) { return make_node(S_IFBLK, 8, 0); }},
    Probe{"make-memory", [](const Arguments&) { return make_node(S_IFCHR, 1, 1); }},
    // A "whiteout", which anybody may make.
    Probe{"make-nothing", [](const Arguments&) { return make_node(S_IFCHR, 0, 0); }},
    Probe{"devices", [](const Arguments&) { return device_of_disk(); }},
    Probe{"terminal", [](const Arguments&) { return terminal(); }},
    Probe{"type-ahead", [](const Arguments&) { return type_ahead(TIOCSTI); }},
    Probe{"type-ahead-upper-bits",
          [](const Arguments&) { return type_ahead(TIOCSTI | (1UL << 32U)); }},
    Probe{"console-paste", [](const Arguments&) { return type_ahead(TIOCLINUX); }},
};

}  // namespace

std::span<const Probe> file_probes() {
  return kFileProbes;
}

std::span<const Probe> device_probes() {
  return kDeviceProbes;
}

}  // namespace hearth::attack
