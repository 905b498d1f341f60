#include "agent/link/machine_usage.h"

#include <sstream>
#include <string>
#include <utility>

#include "base/files.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kProcFileBytesMax = 1 * limits::kMiB;  // `intr` of a big machine is long
constexpr double kPercentOfOneCore = 100.0;

}  // namespace

AgentUsage ProcMachineUsage::read() {
  AgentUsage usage;
  if (const Result<std::string> meminfo = read_file(root_ + "/meminfo", kProcFileBytesMax)) {
    usage.memory_bytes = parse_memory(*meminfo);
  }
  const Result<std::string> stat = read_file(root_ + "/stat", kProcFileBytesMax);
  const std::optional<CpuTicks> ticks = stat ? parse_cpu(*stat) : std::nullopt;
  if (ticks && last_ && ticks->total > last_->total && ticks->busy >= last_->busy) {
    usage.cpu_percent = kPercentOfOneCore * static_cast<double>(ticks->cpus) *
                        static_cast<double>(ticks->busy - last_->busy) /
                        static_cast<double>(ticks->total - last_->total);
  }
  last_ = ticks;
  return usage;
}

// "cpu  user nice system idle iowait irq softirq steal ..." and one line "cpuN" each.
std::optional<ProcMachineUsage::CpuTicks> ProcMachineUsage::parse_cpu(std::string_view stat) {
  constexpr int kColumns = 8;  // guest times are counted in user and nice already
  constexpr int kIdle = 3;
  constexpr int kIowait = 4;
  std::istringstream lines{std::string(stat)};
  std::string line;
  CpuTicks ticks;
  while (std::getline(lines, line) && line.starts_with("cpu")) {
    if (line[3] != ' ') {
      ++ticks.cpus;
      continue;
    }
    std::istringstream columns(line.substr(3));
    for (int column = 0; column < kColumns; ++column) {
      std::int64_t value = 0;
      if (!(columns >> value)) {
        return std::nullopt;
      }
      ticks.total += value;
      ticks.busy += column == kIdle || column == kIowait ? 0 : value;
    }
  }
  return ticks.cpus > 0 ? std::optional(ticks) : std::nullopt;
}

std::optional<std::int64_t> ProcMachineUsage::parse_memory(std::string_view meminfo) {
  std::istringstream words{std::string(meminfo)};
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> available;
  std::string word;
  while (words >> word) {
    std::int64_t value = 0;
    if (word == "MemTotal:" && words >> value) {
      total = value;
    } else if (word == "MemAvailable:" && words >> value) {
      available = value;
    }
  }
  if (!total || !available) {
    return std::nullopt;
  }
  return (*total - *available) * limits::kKiB;
}

}  // namespace hearth::agent
