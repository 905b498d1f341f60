// attack_tool: what a hostile job would try (probe.h).
//
//   attack_tool GROUP [ARGUMENT…]     each probe of the group: a line "NAME: OUTCOME" each
//   attack_tool do NAME [ARGUMENT…]   one attack, as this process
//   attack_tool list                  "GROUP/NAME" of all
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr int kProbeMs = 10'000;
constexpr int kWrongUsage = 64;

std::array<Group, 12> groups() {
  return {Group{"mounts", mount_probes()},      Group{"namespaces", namespace_probes()},
          Group{"kernel", kernel_probes()},     Group{"foreign-calls", foreign_call_probes()},
          Group{"processes", process_probes()}, Group{"identity", identity_probes()},
          Group{"settings", setting_probes()},  Group{"secrets", secret_probes()},
          Group{"files", file_probes()},        Group{"devices", device_probes()},
          Group{"network", network_probes()},   Group{"neighbours", neighbour_probes()}};
}

std::array<Group, 3> alone() {
  return {Group{"bombs", bombs()}, Group{"lives", lives()}, Group{"talks", talks()}};
}

void say(const std::string& line) {
  const std::string whole = line + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, whole.data(), whole.size());
}

// What the other end wrote until it closed or the time was up.
std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> piece{};
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&ready, 1, kProbeMs) == 1) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got <= 0) {
      return all;
    }
    all.append(piece.data(), static_cast<std::size_t>(got));
  }
  return "hung";
}

std::string run_apart(const Probe& probe, const Arguments& arguments) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return "no pipe";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const std::string line = probe.run(arguments);
    const ssize_t written = ::write(ends[1], line.data(), line.size());
    ::_exit(written < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return "no process: " + refused(errno);
  }
  std::string line = read_all(ends[0]);
  ::close(ends[0]);
  if (line == "hung") {
    ::kill(child, SIGKILL);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) == child && WIFSIGNALED(status) && line.empty()) {
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return std::string("killed SIG") + (name == nullptr ? "?" : name);
  }
  return line;
}

int run_group(const std::string& name, const Arguments& arguments) {
  for (const Group& group : groups()) {
    if (name == group.name) {
      for (const Probe& probe : group.probes) {
        say(std::string(probe.name) + ": " + run_apart(probe, arguments));
      }
      return 0;
    }
  }
  return kWrongUsage;
}

int run_alone(const std::string& name, const Arguments& arguments) {
  for (const Group& group : alone()) {
    for (const Probe& probe : group.probes) {
      if (name == probe.name) {
        if (const std::string line = probe.run(arguments); !line.empty()) {
          say(line);
        }
        return 0;
      }
    }
  }
  return kWrongUsage;
}

int list() {
  for (const Group& group : groups()) {
    for (const Probe& probe : group.probes) {
      say(std::string(group.name) + "/" + probe.name);
    }
  }
  for (const Group& group : alone()) {
    for (const Probe& probe : group.probes) {
      say(std::string("do/") + probe.name);
    }
  }
  return 0;
}

int run(const Arguments& words) {
  if (words.size() == 1 && words[0] == "list") {
    return list();
  }
  // Then some of what follows would do harm.
  if (::geteuid() == 0) {
    say("allowed to be root, nothing else was tried");
    return kWrongUsage;
  }
  if (words.size() >= 2 && words[0] == "do") {
    return run_alone(words[1], {words.begin() + 2, words.end()});
  }
  return words.empty() ? kWrongUsage : run_group(words[0], {words.begin() + 1, words.end()});
}

}  // namespace
}  // namespace hearth::attack

int main(int argc, char** argv) {
  const int status = hearth::attack::run({argv + 1, argv + argc});
  if (status != 0) {
    std::fputs("usage: attack_tool list | GROUP [ARGUMENT...] | do NAME [ARGUMENT...]\n", stderr);
  }
  return status;
}
