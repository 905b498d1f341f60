// Files of /proc about the whole machine. Pure; what is missing, cut off or no number is nullopt.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/probe/cgroup_parse.h"

namespace hearth::agent {

struct CpuTicks {
  std::int64_t busy = 0;
  std::int64_t total = 0;
  std::int64_t cpus = 0;

  friend bool operator==(const CpuTicks&, const CpuTicks&) = default;
};
std::optional<CpuTicks> parse_machine_cpu(std::string_view stat);  // /proc/stat

std::optional<std::array<double, 3>> parse_load(std::string_view loadavg);

struct MachineMemory {
  std::int64_t total_bytes = 0;
  std::int64_t available_bytes = 0;

  friend bool operator==(const MachineMemory&, const MachineMemory&) = default;
};
std::optional<MachineMemory> parse_meminfo(std::string_view text);

// Of one device in /proc/diskstats.
std::optional<IoBytes> parse_diskstats(std::string_view text, unsigned major, unsigned minor);

struct NetBytes {
  std::int64_t received = 0;
  std::int64_t sent = 0;

  friend bool operator==(const NetBytes&, const NetBytes&) = default;
};
// The sum over all interfaces but the loopback in /proc/net/dev.
std::optional<NetBytes> parse_net_dev(std::string_view text);

// What is mounted ("/dev/vda1") as device MAJOR:MINOR according to /proc/self/mountinfo; file
// systems such as btrfs have numbers of their own that /proc/diskstats does not know.
std::optional<std::string> mount_source(std::string_view mountinfo, unsigned major, unsigned minor);

}  // namespace hearth::agent
