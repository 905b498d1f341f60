#include "agent/probe/machine_parse.h"

#include "agent/probe/text.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kSectorBytes = 512;  // of diskstats, whatever the device's own are

std::optional<std::int64_t> nth_count(std::string_view& line, int skip) {
  for (int i = 0; i < skip; ++i) {
    take_word(line);
  }
  return to_count(take_word(line));
}

}  // namespace

// "cpu  user nice system idle iowait irq softirq steal ..." and one line "cpuN" each.
std::optional<CpuTicks> parse_machine_cpu(std::string_view stat) {
  constexpr int kColumns = 8;  // guest times are counted in user and nice already
  constexpr int kIdle = 3;
  constexpr int kIowait = 4;
  CpuTicks ticks;
  bool has_sum = false;
  while (auto line = take_line(stat)) {
    const std::string_view name = take_word(*line);
    if (!name.starts_with("cpu")) {
      break;
    }
    if (name.size() > 3) {
      ++ticks.cpus;
      continue;
    }
    has_sum = true;
    for (int column = 0; column < kColumns; ++column) {
      const auto value = to_count(take_word(*line));
      if (!value) {
        return std::nullopt;
      }
      ticks.total = add_capped(ticks.total, *value);
      if (column != kIdle && column != kIowait) {
        ticks.busy = add_capped(ticks.busy, *value);
      }
    }
  }
  return has_sum && ticks.cpus > 0 ? std::optional(ticks) : std::nullopt;
}

std::optional<std::array<double, 3>> parse_load(std::string_view loadavg) {
  auto line = take_line(loadavg);
  std::array<double, 3> load{};
  for (double& each : load) {
    const auto value = line ? to_decimal(take_word(*line)) : std::nullopt;
    if (!value) {
      return std::nullopt;
    }
    each = *value;
  }
  return load;
}

std::optional<MachineMemory> parse_meminfo(std::string_view text) {
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> available;
  while (auto line = take_line(text)) {
    const std::string_view key = take_word(*line);
    if (key == "MemTotal:") {
      total = to_count(take_word(*line));
    } else if (key == "MemAvailable:") {
      available = to_count(take_word(*line));
    }
  }
  if (!total || !available || *available > *total) {
    return std::nullopt;
  }
  return MachineMemory{.total_bytes = multiply_capped(*total, limits::kKiB),
                       .available_bytes = multiply_capped(*available, limits::kKiB)};
}

// "8 0 sda reads merged sectors ms writes merged sectors …"
std::optional<IoBytes> parse_diskstats(std::string_view text, unsigned major, unsigned minor) {
  constexpr int kToReadSectors = 3;  // over name, reads, merged
  constexpr int kToWrittenSectors = 3;
  while (auto line = take_line(text)) {
    const auto line_major = to_count(take_word(*line));
    const auto line_minor = to_count(take_word(*line));
    if (line_major != std::int64_t{major} || line_minor != std::int64_t{minor}) {
      continue;
    }
    const auto read = nth_count(*line, kToReadSectors);
    const auto written = nth_count(*line, kToWrittenSectors);
    if (!read || !written) {
      return std::nullopt;
    }
    return IoBytes{.read = multiply_capped(*read, kSectorBytes),
                   .written = multiply_capped(*written, kSectorBytes)};
  }
  return std::nullopt;
}

// Two lines of headings, then "eth0: received packets … (8 columns) sent …".
std::optional<NetBytes> parse_net_dev(std::string_view text) {
  constexpr int kToSent = 7;
  NetBytes sum;
  if (!take_line(text) || !take_line(text)) {
    return std::nullopt;
  }
  while (auto line = take_line(text)) {
    const std::size_t colon = line->rfind(':');  // an alias may have one in its name
    if (colon == std::string_view::npos) {
      return std::nullopt;
    }
    std::string_view name = line->substr(0, colon);
    std::string_view columns = line->substr(colon + 1);
    if (take_word(name) == "lo") {
      continue;
    }
    const auto received = nth_count(columns, 0);
    const auto sent = nth_count(columns, kToSent);
    if (!received || !sent) {
      return std::nullopt;
    }
    sum.received = add_capped(sum.received, *received);
    sum.sent = add_capped(sum.sent, *sent);
  }
  return sum;
}

// "36 35 98:0 /root /mount options [fields] - type source options"
std::optional<std::string> mount_source(std::string_view mountinfo, unsigned major,
                                        unsigned minor) {
  const std::string wanted = std::to_string(major) + ":" + std::to_string(minor);
  while (auto line = take_line(mountinfo)) {
    take_word(*line);
    take_word(*line);
    if (take_word(*line) != wanted) {
      continue;
    }
    const std::size_t dash = line->find(" - ");
    if (dash == std::string_view::npos) {
      return std::nullopt;
    }
    line->remove_prefix(dash + 3);
    take_word(*line);
    const std::string_view source = take_word(*line);
    return source.starts_with('/') ? std::optional<std::string>(source) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace hearth::agent
