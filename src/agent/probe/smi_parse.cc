#include "agent/probe/smi_parse.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "agent/probe/text.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::size_t last = text.find_last_not_of(kBlank);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::vector<std::string_view> split_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) {
      return fields;
    }
    line.remove_prefix(comma + 1);
  }
}

// "[N/A]", "[Not Supported]", "[Insufficient Permissions]": asked and not to be had.
bool is_unknown(std::string_view field) {
  return field == "N/A" || (field.starts_with('[') && field.ends_with(']'));
}

// False when `field` is neither a number nor unknown.
template <class Number, class Parse>
bool read_field(std::string_view field, const Parse& parse, std::optional<Number>& value) {
  if (is_unknown(field)) {
    return true;
  }
  value = parse(field);
  return value.has_value();
}

bool read_mib(std::string_view field, std::optional<std::int64_t>& bytes) {
  const bool is_understood = read_field(field, to_count, bytes);
  if (bytes) {
    bytes = multiply_capped(*bytes, limits::kMiB);
  }
  return is_understood;
}

constexpr std::size_t kGpuFields = 7;
constexpr std::size_t kAfterName = 4;

// A name may hold commas: it is what lies between the first two fields and the last four.
bool read_gpu(const std::vector<std::string_view>& fields, MachineGpu& gpu) {
  if (fields.size() < kGpuFields) {
    return false;
  }
  const auto index = to_count(fields[0]);
  if (!index || *index >= limits::kGpusListedMax || !fields[1].starts_with("GPU-")) {
    return false;
  }
  gpu.index = static_cast<std::int32_t>(*index);
  const std::string_view last_of_name = fields[fields.size() - kAfterName - 1];
  gpu.name.assign(fields[2].data(), last_of_name.data() + last_of_name.size());
  const auto* const after = &fields[fields.size() - kAfterName];
  return read_field(after[0], to_decimal, gpu.util_percent) &&
         read_mib(after[1], gpu.memory_used_bytes) && read_mib(after[2], gpu.memory_total_bytes) &&
         read_field(after[3], to_decimal, gpu.temperature_celsius);
}

}  // namespace

SmiGpus parse_smi_gpus(std::string_view text) {
  std::vector<std::pair<MachineGpu, std::string>> found;
  SmiGpus result;
  result.garbled = text.empty() || text.back() == '\n' ? 0 : 1;
  while (const auto line = take_line(text)) {
    if (trim(*line).empty()) {
      continue;
    }
    const auto fields = split_fields(*line);
    MachineGpu gpu;
    const bool is_new =
        read_gpu(fields, gpu) && std::none_of(found.begin(), found.end(), [&](const auto& other) {
          return other.first.index == gpu.index;
        });
    if (is_new) {
      found.emplace_back(std::move(gpu), fields[1]);
    } else {
      ++result.garbled;
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first.index < b.first.index; });
  for (auto& [gpu, uuid] : found) {
    result.gpus.push_back(std::move(gpu));
    result.uuids.push_back(std::move(uuid));
  }
  return result;
}

SmiProcesses parse_smi_processes(std::string_view text, const SmiGpus& gpus) {
  SmiProcesses result;
  result.garbled = text.empty() || text.back() == '\n' ? 0 : 1;
  while (const auto line = take_line(text)) {
    const std::string_view trimmed = trim(*line);
    if (trimmed.empty() || trimmed.starts_with("No running processes found")) {
      continue;
    }
    const auto fields = split_fields(*line);
    const auto uuid = std::find(gpus.uuids.begin(), gpus.uuids.end(), fields[0]);
    const auto pid = fields.size() == 3 ? to_count(fields[1]) : std::nullopt;
    GpuProcess process;
    if (uuid == gpus.uuids.end() || !pid || *pid <= 0 || *pid > std::numeric_limits<pid_t>::max() ||
        !read_mib(fields[2], process.memory_bytes) ||
        std::ssize(result.processes) >= limits::kGpuProcessesMax) {
      ++result.garbled;
      continue;
    }
    process.gpu = gpus.gpus[static_cast<std::size_t>(uuid - gpus.uuids.begin())].index;
    process.pid = static_cast<pid_t>(*pid);
    result.processes.push_back(process);
  }
  return result;
}

}  // namespace hearth::agent
