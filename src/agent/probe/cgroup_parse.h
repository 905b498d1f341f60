// The files of cgroup v2 and v1 groups. Pure; what is missing, cut off or no number is nullopt.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hearth::agent {

struct CpuStat {
  std::optional<std::int64_t> usage_us;  // v2 only
  // Scheduling periods in which the group wanted CPU and had a quota, and those of them in which it
  // used the quota up.
  std::optional<std::int64_t> periods;
  std::optional<std::int64_t> throttled_periods;

  friend bool operator==(const CpuStat&, const CpuStat&) = default;
};
CpuStat parse_cpu_stat(std::string_view text);  // cpu.stat, v2 and v1

struct MemoryStat {
  std::optional<std::int64_t> anon_bytes;
  std::optional<std::int64_t> file_bytes;
  std::optional<std::int64_t> inactive_file_bytes;

  friend bool operator==(const MemoryStat&, const MemoryStat&) = default;
};
// Both with the groups below.
MemoryStat parse_memory_stat_v2(std::string_view text);
MemoryStat parse_memory_stat_v1(std::string_view text);

struct IoBytes {
  std::int64_t read = 0;
  std::int64_t written = 0;

  friend bool operator==(const IoBytes&, const IoBytes&) = default;
};
// Over all devices. An empty file is a group that has done none; a line that cannot be understood
// makes the sum unknown.
std::optional<IoBytes> parse_io_stat(std::string_view text);        // io.stat
std::optional<IoBytes> parse_blkio_service(std::string_view text);  // blkio.*io_service_bytes*

// "oom_kill 3" in memory.events or memory.oom_control.
std::optional<std::int64_t> parse_oom_kills(std::string_view text);

struct Pressure {
  double average = 0;         // percent of the last ten seconds
  std::int64_t total_us = 0;  // ever

  friend bool operator==(const Pressure&, const Pressure&) = default;
};
// The line "some avg10=1.50 avg60=… avg300=… total=1234" of a pressure file.
std::optional<Pressure> parse_pressure(std::string_view text);

// cgroup.procs, appended; what is no pid is left out.
void parse_pids(std::string_view text, std::vector<pid_t>& pids);

}  // namespace hearth::agent
