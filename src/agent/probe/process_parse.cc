#include "agent/probe/process_parse.h"

#include <algorithm>
#include <array>
#include <limits>

#include "agent/probe/text.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::size_t kModelBytesMax = 1'024;

std::optional<pid_t> to_pid(std::string_view word) {
  const auto value = to_count(word);
  if (!value || *value > std::numeric_limits<pid_t>::max()) {
    return std::nullopt;
  }
  return static_cast<pid_t>(*value);
}

// The next entry that ends with NUL, taken off; what does not end was cut off.
std::optional<std::string_view> take_entry(std::string_view& text) {
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view entry = text.substr(0, end);
  text.remove_prefix(end + 1);
  return entry;
}

bool is_interpreter(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return name.starts_with("python") || name.starts_with("pypy");
}

std::optional<std::string> usable(std::string_view model) {
  if (model.empty() || model.size() > kModelBytesMax) {
    return std::nullopt;
  }
  return std::string(model);
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || text.back() != '\n') {
    return std::nullopt;
  }
  std::string_view rest = text.substr(name_end + 1, text.size() - name_end - 2);
  constexpr int kFirst = 3;  // as proc(5) numbers them
  constexpr int kLast = 22;
  std::array<std::string_view, kLast + 1> fields;
  for (int i = kFirst; i <= kLast; ++i) {
    fields.at(static_cast<std::size_t>(i)) = take_word(rest);
  }
  ProcessStat stat;
  const auto parent = to_pid(fields[4]);
  const auto group = to_pid(fields[5]);
  const auto session = to_pid(fields[6]);
  const auto threads = to_count(fields[20]);
  const auto start = to_count(fields[22]);
  if (fields[3].size() != 1 || !parent || !group || !session || !threads || !start) {
    return std::nullopt;
  }
  for (const std::string_view ticks : {fields[14], fields[15], fields[16], fields[17]}) {
    const auto value = to_count(ticks);
    if (!value) {
      return std::nullopt;
    }
    stat.cpu_ticks = add_capped(stat.cpu_ticks, *value);
  }
  stat.state = fields[3].front();
  stat.parent = *parent;
  stat.group = *group;
  stat.session = *session;
  stat.threads = *threads;
  stat.start_ticks = *start;
  return stat;
}

std::optional<ProcessMemory> parse_statm(std::string_view text) {
  auto line = take_line(text);
  if (!line) {
    return std::nullopt;
  }
  take_word(*line);
  const auto resident = to_count(take_word(*line));
  const auto shared = to_count(take_word(*line));
  if (!resident || !shared) {
    return std::nullopt;
  }
  return ProcessMemory{.resident_pages = *resident, .file_pages = std::min(*shared, *resident)};
}

std::optional<IoBytes> parse_process_io(std::string_view text) {
  std::optional<std::int64_t> read;
  std::optional<std::int64_t> written;
  while (auto line = take_line(text)) {
    const std::string_view key = take_word(*line);
    if (key == "read_bytes:") {
      read = to_count(take_word(*line));
    } else if (key == "write_bytes:") {
      written = to_count(take_word(*line));
    }
  }
  return read && written ? std::optional(IoBytes{.read = *read, .written = *written})
                         : std::nullopt;
}

std::optional<std::int64_t> parse_uptime_ms(std::string_view text) {
  auto line = take_line(text);
  const auto seconds = line ? to_decimal(take_word(*line)) : std::nullopt;
  constexpr double kSecondsMax = 1e12;
  if (!seconds || *seconds > kSecondsMax) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*seconds * kMsPerSecond);
}

std::int64_t uptime_of_ms(std::int64_t machine_uptime_ms, std::int64_t start_ticks,
                          std::int64_t ticks_per_second) {
  if (ticks_per_second <= 0) {
    return 0;
  }
  const std::int64_t start_ms =
      add_capped(multiply_capped(start_ticks / ticks_per_second, kMsPerSecond),
                 start_ticks % ticks_per_second * kMsPerSecond / ticks_per_second);
  return machine_uptime_ms > start_ms ? machine_uptime_ms - start_ms : 0;
}

// A long option is the surer sign, wherever it stands.
std::optional<std::string> model_in(std::string_view command_line) {
  constexpr std::string_view kLong = "--model";
  std::optional<std::string> by_short;
  const auto program = take_entry(command_line);
  const bool short_counts = program && !is_interpreter(*program);
  while (const auto argument = take_entry(command_line)) {
    if (argument->starts_with(kLong) && argument->size() > kLong.size() &&
        (*argument)[kLong.size()] == '=') {
      return usable(argument->substr(kLong.size() + 1));
    }
    if (*argument == kLong) {
      const auto value = take_entry(command_line);
      return value ? usable(*value) : std::nullopt;
    }
    if (*argument == "-m" && short_counts && !by_short) {
      std::string_view rest = command_line;
      if (const auto value = take_entry(rest)) {
        by_short = usable(*value);
      }
    }
  }
  return by_short;
}

std::string_view variable_in(std::string_view environment, std::string_view name) {
  while (const auto entry = take_entry(environment)) {
    if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=') {
      return entry->substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace hearth::agent
