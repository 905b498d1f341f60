// The files of /proc/PID. Pure; what is missing, cut off or no number is nullopt.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/probe/cgroup_parse.h"

namespace hearth::agent {

struct ProcessStat {
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::int64_t cpu_ticks = 0;  // its own and those of the children that it has waited for
  std::int64_t threads = 0;
  std::int64_t start_ticks = 0;  // since the machine's start

  friend bool operator==(const ProcessStat&, const ProcessStat&) = default;
};
// /proc/PID/stat. The name in it may hold anything, spaces and parentheses too.
std::optional<ProcessStat> parse_process_stat(std::string_view text);

struct ProcessMemory {
  std::int64_t resident_pages = 0;
  std::int64_t file_pages = 0;  // of files and shared memory

  friend bool operator==(const ProcessMemory&, const ProcessMemory&) = default;
};
std::optional<ProcessMemory> parse_statm(std::string_view text);

// What went to and came from devices: /proc/PID/io.
std::optional<IoBytes> parse_process_io(std::string_view text);

// /proc/uptime.
std::optional<std::int64_t> parse_uptime_ms(std::string_view text);

// Time since a process started; never negative, though the two clocks are read one after the other.
std::int64_t uptime_of_ms(std::int64_t machine_uptime_ms, std::int64_t start_ticks,
                          std::int64_t ticks_per_second);

// The model that a command line (arguments that each end with NUL) names: `--model X`, `--model=X`
// or `-m X`. An interpreter's own -m is none. nullopt when it names none.
std::optional<std::string> model_in(std::string_view command_line);

// The value of `name` in an environment (entries that each end with NUL); empty when missing.
std::string_view variable_in(std::string_view environment, std::string_view name);

}  // namespace hearth::agent
