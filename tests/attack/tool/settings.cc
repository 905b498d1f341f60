// Files by which the machine, or its other processes, are set.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

// What is in the file is written into it.
std::string write_back(const std::string& path) {
  std::array<char, 4096> now{};
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t size = reader < 0 ? -1 : ::read(reader, now.data(), now.size());
  const int writer = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (writer < 0) {
    return outcome(writer);
  }
  return size <= 0 ? "allowed opened"
                   : outcome(::write(writer, now.data(), static_cast<std::size_t>(size)));
}

// Where writing anything would do something, or the file says nothing of what to write.
std::string open_to_write(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  return fd < 0 ? outcome(fd) : "allowed opened";
}

std::string write_text(const std::string& path, const std::string& what) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  return fd < 0 ? outcome(fd) : outcome(::write(fd, what.data(), what.size()));
}

constexpr std::array kProbes = {
    Probe{"core-pattern",
          [](const Arguments&) { return write_back("/proc/sys/kernel/core_pattern"); }},
    Probe{"modprobe-path",
          [](const Arguments&) { return write_back("/proc/sys/kernel/modprobe"); }},
    Probe{"poweroff-command",
          [](const Arguments&) { return write_back("/proc/sys/kernel/poweroff_cmd"); }},
    Probe{"random-layout",
          [](const Arguments&) { return write_back("/proc/sys/kernel/randomize_va_space"); }},
    Probe{"sysrq-setting", [](const Arguments&) { return write_back("/proc/sys/kernel/sysrq"); }},
    Probe{"sysrq-trigger", [](const Arguments&) { return open_to_write("/proc/sysrq-trigger"); }},
    Probe{"overcommit",
          [](const Arguments&) { return write_back("/proc/sys/vm/overcommit_memory"); }},
    Probe{"drop-caches",
          [](const Arguments&) { return open_to_write("/proc/sys/vm/drop_caches"); }},
    Probe{"protected-links",
          [](const Arguments&) { return write_back("/proc/sys/fs/protected_symlinks"); }},
    Probe{"program-formats",
          [](const Arguments&) { return open_to_write("/proc/sys/fs/binfmt_misc/register"); }},
    Probe{"user-namespaces",
          [](const Arguments&) { return write_back("/proc/sys/user/max_user_namespaces"); }},
    Probe{"last-pid", [](const Arguments&) { return write_back("/proc/sys/kernel/ns_last_pid"); }},
    Probe{"shared-memory-limit",
          [](const Arguments&) { return write_back("/proc/sys/kernel/shmmax"); }},
    Probe{"network-setting",
          [](const Arguments&) { return write_back("/proc/sys/net/ipv4/ip_forward"); }},
    Probe{"setting-mode",
          [](const Arguments&) { return outcome(::chmod("/proc/sys/kernel/core_pattern", 0666)); }},
    Probe{"interrupts",
          [](const Arguments&) { return open_to_write("/proc/irq/default_smp_affinity"); }},
    Probe{"memory-types", [](const Arguments&) { return open_to_write("/proc/mtrr"); }},
    Probe{"pressure-trigger",
          [](const Arguments&) {
            return write_text("/proc/pressure/memory", "some 150000 2000000\n");
          }},
    Probe{"spare-me-oom",
          [](const Arguments&) { return write_text("/proc/self/oom_score_adj", "-1000"); }},
    Probe{"oom-of-init", [](const Arguments&) { return open_to_write("/proc/1/oom_score_adj"); }},
    Probe{"id-map", [](const Arguments&) { return write_text("/proc/self/uid_map", "0 0 1"); }},
    Probe{"allow-setgroups",
          [](const Arguments&) { return write_text("/proc/self/setgroups", "allow"); }},
    Probe{"security-label",
          [](const Arguments&) { return write_text("/proc/self/attr/current", "unconfined"); }},
    Probe{"helper-for-events",
          [](const Arguments&) { return open_to_write("/sys/kernel/uevent_helper"); }},
    Probe{"release-agent",
          [](const Arguments&) { return open_to_write("/sys/fs/cgroup/memory/release_agent"); }},
    Probe{"leave-group",
          [](const Arguments&) { return write_text("/sys/fs/cgroup/unified/cgroup.procs", "0"); }},
    Probe{"loosen-group",
          [](const Arguments&) {
            return open_to_write("/sys/fs/cgroup/memory/memory.limit_in_bytes");
          }},
};

}  // namespace

std::span<const Probe> setting_probes() {
  return kProbes;
}

}  // namespace hearth::attack
