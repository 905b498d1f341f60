#include "agent/probe/cgroup_parse.h"

#include <limits>
#include <span>
#include <string>
#include <utility>

#include "agent/probe/text.h"

namespace hearth::agent {
namespace {

struct Wanted {
  std::string_view key;
  std::optional<std::int64_t>* value;
};

// Lines of "key number".
void find_counts(std::string_view text, std::span<const Wanted> wanted) {
  std::size_t left = wanted.size();
  while (auto line = take_line(text)) {
    const std::string_view key = take_word(*line);
    for (const Wanted& each : wanted) {
      if (key == each.key) {
        *each.value = to_count(take_word(*line));
        if (--left == 0) {
          return;
        }
        break;
      }
    }
  }
}

}  // namespace

CpuStat parse_cpu_stat(std::string_view text) {
  CpuStat stat;
  const Wanted wanted[] = {{"usage_usec", &stat.usage_us},
                           {"nr_periods", &stat.periods},
                           {"nr_throttled", &stat.throttled_periods}};
  find_counts(text, wanted);
  return stat;
}

MemoryStat parse_memory_stat_v2(std::string_view text) {
  MemoryStat stat;
  const Wanted wanted[] = {{"anon", &stat.anon_bytes},
                           {"file", &stat.file_bytes},
                           {"inactive_file", &stat.inactive_file_bytes}};
  find_counts(text, wanted);
  return stat;
}

MemoryStat parse_memory_stat_v1(std::string_view text) {
  MemoryStat stat;
  const Wanted wanted[] = {{"total_rss", &stat.anon_bytes},
                           {"total_cache", &stat.file_bytes},
                           {"total_inactive_file", &stat.inactive_file_bytes}};
  find_counts(text, wanted);
  return stat;
}

// "8:0 rbytes=1 wbytes=2 rios=…"; a device that only the tree below a group has used may stand
// there without figures.
std::optional<IoBytes> parse_io_stat(std::string_view text) {
  constexpr std::string_view kRead = "rbytes=";
  constexpr std::string_view kWritten = "wbytes=";
  IoBytes sum;
  bool is_whole = text.empty() || text.back() == '\n';
  while (auto line = take_line(text)) {
    take_word(*line);
    for (std::string_view word = take_word(*line); !word.empty(); word = take_word(*line)) {
      const bool is_read = word.starts_with(kRead);
      if (!is_read && !word.starts_with(kWritten)) {
        continue;
      }
      const auto bytes = to_count(word.substr(is_read ? kRead.size() : kWritten.size()));
      std::int64_t& total = is_read ? sum.read : sum.written;
      total = add_capped(total, bytes.value_or(0));
      is_whole = is_whole && bytes.has_value();
    }
  }
  return is_whole ? std::optional(sum) : std::nullopt;
}

// "8:0 Read 4096" for each device and kind, then "Total 8192".
std::optional<IoBytes> parse_blkio_service(std::string_view text) {
  IoBytes sum;
  bool is_whole = text.empty() || text.back() == '\n';
  while (auto line = take_line(text)) {
    take_word(*line);
    const std::string_view kind = take_word(*line);
    if (kind != "Read" && kind != "Write") {
      continue;
    }
    const auto bytes = to_count(take_word(*line));
    std::int64_t& total = kind == "Read" ? sum.read : sum.written;
    total = add_capped(total, bytes.value_or(0));
    is_whole = is_whole && bytes.has_value();
  }
  return is_whole ? std::optional(sum) : std::nullopt;
}

std::optional<std::int64_t> parse_oom_kills(std::string_view text) {
  std::optional<std::int64_t> kills;
  const Wanted wanted[] = {{"oom_kill", &kills}};
  find_counts(text, wanted);
  return kills;
}

std::optional<Pressure> parse_pressure(std::string_view text) {
  constexpr std::string_view kAverage = "avg10=";
  constexpr std::string_view kTotal = "total=";
  while (auto line = take_line(text)) {
    if (take_word(*line) != "some") {
      continue;
    }
    std::optional<double> average;
    std::optional<std::int64_t> total;
    for (std::string_view word = take_word(*line); !word.empty(); word = take_word(*line)) {
      if (word.starts_with(kAverage)) {
        average = to_decimal(word.substr(kAverage.size()));
      } else if (word.starts_with(kTotal)) {
        total = to_count(word.substr(kTotal.size()));
      }
    }
    return average && total ? std::optional(Pressure{.average = *average, .total_us = *total})
                            : std::nullopt;
  }
  return std::nullopt;
}

void parse_pids(std::string_view text, std::vector<pid_t>& pids) {
  while (const auto line = take_line(text)) {
    const auto pid = to_count(*line);
    if (pid && *pid > 0 && *pid <= std::numeric_limits<pid_t>::max()) {
      pids.push_back(static_cast<pid_t>(*pid));
    }
  }
}

}  // namespace hearth::agent
