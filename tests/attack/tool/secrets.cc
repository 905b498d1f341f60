// What is not for a job's eyes.
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

std::string read_some(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return outcome(fd);
  }
  std::array<char, 64> some{};
  const ssize_t got = ::read(fd, some.data(), some.size());
  return got == 0 ? "contained empty" : outcome(got);
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    if (const std::string name = entry->d_name; name != "." && name != "..") {
      names.push_back(name);
    }
  }
  return names;
}

std::string list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (!folder) {
    return outcome(-1);
  }
  const auto names = names_in(path);
  return names.empty() ? "contained empty" : "allowed " + names.front();
}

std::string contents(const std::string& path) {
  std::ostringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

// Of processes: this one, the one that runs the probes, and (where it is not hidden) the init.
std::string other_processes() {
  for (const std::string& name : names_in("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    if (std::atoi(name.c_str()) == 1) {
      continue;  // has probes of its own
    }
    if (contents("/proc/" + name + "/cmdline").find("secrets") == std::string::npos) {
      return "allowed process " + name;
    }
  }
  return "contained its own";
}

std::string open_descriptors() {
  std::string found;
  for (const std::string& name : names_in("/proc/self/fd")) {
    std::array<char, 256> target{};
    const std::string path = "/proc/self/fd/" + name;
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    const std::string to(target.data(), static_cast<std::size_t>(size < 0 ? 0 : size));
    // Its own: the pipe that takes this line, and the folder that is being read.
    const bool own = std::atoi(name.c_str()) <= STDERR_FILENO || to.starts_with("pipe:") ||
                     to.ends_with("/fd") || size < 0;
    found += own ? "" : " " + to;
  }
  if (!found.empty()) {
    std::cerr << "descriptors:" << found << "\n";
    return "allowed others";
  }
  return "contained three streams";
}

// Kernel addresses help to aim; they read as zero to who may not see them.
std::string kernel_addresses() {
  std::ifstream in("/proc/kallsyms");
  std::string line;
  if (!std::getline(in, line)) {
    return "refused absent";
  }
  return line.starts_with("0000000000000000") ? "contained zeros" : "allowed";
}

// The file lists what its reader may see: with a key of its own there is something.
std::string keys() {
  ::syscall(SYS_add_key, "user", "attack", "x", 1, KEY_SPEC_PROCESS_KEYRING);
  return read_some("/proc/keys");
}

std::string groups() {
  std::istringstream lines(contents("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with(":/")) {
      return "allowed " + line;
    }
  }
  return "contained roots";
}

// The environment of the program that started it, where a token might be; not the words that gave
// it.
std::string text_anywhere(const std::string& what) {
  for (const std::string& name : names_in("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    const std::string words = contents("/proc/" + name + "/cmdline");
    if (words.find("attack_tool") == std::string::npos && words.find(what) != std::string::npos) {
      return "allowed in /proc/" + name + "/cmdline";
    }
    for (const char* file : {"/environ", "/mountinfo", "/cgroup", "/comm", "/limits"}) {
      if (contents("/proc/" + name + file).find(what) != std::string::npos) {
        return "allowed in /proc/" + name + file;
      }
    }
  }
  return "refused not found";
}

constexpr std::array kProbes = {
    Probe{"passwords", [](const Arguments&) { return read_some("/etc/shadow"); }},
    Probe{"home-of-root", [](const Arguments&) { return list("/root"); }},
    Probe{"homes", [](const Arguments&) { return list("/home"); }},
    Probe{"variable-data", [](const Arguments&) { return list("/var"); }},
    Probe{"run-time-data", [](const Arguments&) { return list("/run"); }},
    Probe{"boot", [](const Arguments&) { return list("/boot"); }},
    Probe{"sys", [](const Arguments&) { return list("/sys"); }},
    Probe{"machine-id", [](const Arguments&) { return read_some("/etc/machine-id"); }},
    Probe{"data-of-hearth", [](const Arguments& given) { return list(text(given, 0)); }},
    Probe{"token-anywhere", [](const Arguments& given) { return text_anywhere(text(given, 1)); }},
    Probe{"data-path-anywhere",
          [](const Arguments& given) { return text_anywhere(text(given, 0)); }},
    Probe{"environment-of-init", [](const Arguments&) { return read_some("/proc/1/environ"); }},
    Probe{"command-of-init", [](const Arguments&) { return read_some("/proc/1/cmdline"); }},
    Probe{"memory-of-init", [](const Arguments&) { return read_some("/proc/1/mem"); }},
    Probe{"map-of-init", [](const Arguments&) { return read_some("/proc/1/maps"); }},
    Probe{"root-of-init", [](const Arguments&) { return list("/proc/1/root"); }},
    Probe{"folder-of-init", [](const Arguments&) { return list("/proc/1/cwd"); }},
    Probe{"descriptors-of-init", [](const Arguments&) { return list("/proc/1/fd"); }},
    Probe{"other-processes", [](const Arguments&) { return other_processes(); }},
    Probe{"own-descriptors", [](const Arguments&) { return open_descriptors(); }},
    Probe{"own-groups", [](const Arguments&) { return groups(); }},
    Probe{"kernel-memory", [](const Arguments&) { return read_some("/proc/kcore"); }},
    Probe{"kernel-addresses", [](const Arguments&) { return kernel_addresses(); }},
    Probe{"kernel-messages", [](const Arguments&) { return read_some("/proc/kmsg"); }},
    Probe{"kernel-caches", [](const Arguments&) { return read_some("/proc/slabinfo"); }},
    Probe{"page-flags", [](const Arguments&) { return read_some("/proc/kpageflags"); }},
    Probe{"keys", [](const Arguments&) { return keys(); }},
    Probe{"timers", [](const Arguments&) { return read_some("/proc/timer_list"); }},
    Probe{"debug-files", [](const Arguments&) { return list("/sys/kernel/debug"); }},
};

}  // namespace

std::span<const Probe> secret_probes() {
  return kProbes;
}

}  // namespace hearth::attack
