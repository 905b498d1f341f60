// Processes of a test within a group. They are forks of the test itself, so that nothing else is
// needed where it runs (no shell, no tools).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>

#include "agent/cgroup/cgroup_driver.h"

namespace hearth::agent {

// The exit code with which a fork of the test says that something failed within it.
inline constexpr int kChildFailed = 99;
// A fork that touches nothing more is charged for nothing; any program is.
inline constexpr std::size_t kChildBytes = 64 * 1024;

// Touches `bytes` of memory; the kernel may kill the caller, a fork, meanwhile.
inline void use_memory(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    _exit(kChildFailed);
  }
  auto* at = static_cast<volatile char*>(memory);
  for (std::size_t i = 0; i < bytes; i += kPage) {
    at[i] = 1;
  }
}

// Forks into the group, in a session of its own, as a launcher would. The fork runs `body`, which
// calls `done` once, and ends with what that returns; the caller goes on at `done`.
using ForkBody = std::function<int(const std::function<void()>& done)>;
inline pid_t fork_into(CgroupHandle& group, const ForkBody& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    setsid();
    for (const std::string& path : group.join_paths()) {
      const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0 || write(fd, "0", 1) != 1) {
        _exit(kChildFailed);
      }
      close(fd);
    }
    use_memory(kChildBytes);
    close(ends[0]);
    _exit(body([&ends] {
      if (write(ends[1], "x", 1) != 1) {
        _exit(kChildFailed);
      }
      close(ends[1]);
    }));
  }
  close(ends[1]);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 1) << "the fork failed";
  close(ends[0]);
  group.set_leader(pid);
  return pid;
}

// CPU time of the caller.
inline std::int64_t used_cpu_ms() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return used.tv_sec * 1'000 + used.tv_nsec / 1'000'000;
}
inline void use_cpu(std::int64_t milliseconds) {
  for (const std::int64_t until = used_cpu_ms() + milliseconds; used_cpu_ms() < until;) {
  }
}

}  // namespace hearth::agent
