#include "agent/probe/nvml_source.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr unsigned kNameBytes = 96;
constexpr int kGrowTimesMax = 5;
constexpr unsigned kSpare = 16;

std::optional<std::int64_t> to_bytes(std::uint64_t bytes) {
  return bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
             ? std::nullopt
             : std::optional(static_cast<std::int64_t>(bytes));
}

// Asks with more and more room until the list fits; nullopt for any other answer but
// `also_fine`, for which the list is empty.
template <class Item, class Ask>
std::optional<std::vector<Item>> ask_list(const Ask& ask, NvmlReturn also_fine = kNvmlSuccess) {
  std::vector<Item> items;
  for (int i = 0; i < kGrowTimesMax; ++i) {
    auto count = static_cast<unsigned>(items.size());
    const NvmlReturn code = ask(items.empty() ? nullptr : items.data(), &count);
    if (code == kNvmlInsufficientSize && count <= limits::kGpuProcessesMax) {
      items.resize(count + kSpare);
      continue;
    }
    if (code != kNvmlSuccess && code != also_fine) {
      return std::nullopt;
    }
    items.resize(code == kNvmlSuccess ? std::min<std::size_t>(count, items.size()) : 0);
    return items;
  }
  return std::nullopt;
}

}  // namespace

NvmlSource::~NvmlSource() {
  end();
}

Result<> NvmlSource::begin() {
  if (is_begun_) {
    return {};
  }
  if (!library_) {
    HEARTH_ASSIGN(NvmlLibrary library, NvmlLibrary::load(path_));
    library_.emplace(std::move(library));
  }
  if (const NvmlReturn code = library_->api().init(); code != kNvmlSuccess) {
    const std::string what = library_->api().describe(code);
    // Loaded anew the next time: a driver that was updated has brought another library.
    library_.reset();
    return unavailable("the GPU driver does not answer: " + what);
  }
  is_begun_ = true;
  return {};
}

void NvmlSource::end() {
  if (is_begun_) {
    library_->api().shutdown();
    is_begun_ = false;
  }
  library_.reset();
}

Result<GpuReading> NvmlSource::read() {
  HEARTH_TRY(begin());
  unsigned count = 0;
  if (const NvmlReturn code = library_->api().device_count(&count); code != kNvmlSuccess) {
    const std::string what = library_->api().describe(code);
    end();
    return unavailable("the GPUs cannot be counted: " + what);
  }
  if (count == 0) {
    return not_found("NVML knows no GPU");
  }
  GpuReading reading;
  const auto listed = std::min<std::int64_t>(count, limits::kGpusListedMax);
  for (std::int32_t index = 0; index < listed; ++index) {
    NvmlDevice device = nullptr;
    const NvmlReturn code = library_->api().device(static_cast<unsigned>(index), &device);
    if (code != kNvmlSuccess || !read_device(device, index, reading)) {
      reading.problem = "GPU " + std::to_string(index) + " does not answer" +
                        (code == kNvmlSuccess ? "" : ": " + library_->api().describe(code));
    }
  }
  if (reading.gpus.empty()) {
    end();
    return unavailable(reading.problem);
  }
  return reading;
}

bool NvmlSource::read_device(NvmlDevice device, std::int32_t index, GpuReading& reading) {
  const NvmlApi& api = library_->api();
  MachineGpu gpu{.index = index, .name = {}};
  bool answers = false;
  NvmlMemory memory{};
  if (api.memory != nullptr && api.memory(device, &memory) == kNvmlSuccess) {
    answers = true;
    gpu.memory_total_bytes = to_bytes(memory.total);
    gpu.memory_used_bytes = to_bytes(memory.used);
  }
  NvmlUtilization utilization{};
  if (api.utilization != nullptr && api.utilization(device, &utilization) == kNvmlSuccess) {
    answers = true;
    gpu.util_percent = utilization.gpu;
  }
  if (!answers) {
    return false;
  }
  std::array<char, kNameBytes> name{};
  if (api.name != nullptr && api.name(device, name.data(), kNameBytes - 1) == kNvmlSuccess) {
    gpu.name = name.data();
  }
  unsigned degrees = 0;
  if (api.temperature != nullptr &&
      api.temperature(device, kNvmlTemperatureGpu, &degrees) == kNvmlSuccess) {
    gpu.temperature_celsius = degrees;
  }
  reading.gpus.push_back(std::move(gpu));
  read_processes(device, index, reading);
  return true;
}

void NvmlSource::read_processes(NvmlDevice device, std::int32_t index, GpuReading& reading) {
  const NvmlApi& api = library_->api();
  if (api.processes == nullptr) {
    return;
  }
  const auto processes = ask_list<NvmlProcess>(
      [&](NvmlProcess* items, unsigned* count) { return api.processes(device, count, items); });
  if (!processes) {
    reading.problem = "the processes on GPU " + std::to_string(index) + " cannot be listed";
    return;
  }
  const auto shares = read_shares(device, index);
  for (const NvmlProcess& each : *processes) {
    if (each.pid > static_cast<std::uint32_t>(std::numeric_limits<pid_t>::max())) {
      continue;
    }
    GpuProcess process{.gpu = index, .pid = static_cast<pid_t>(each.pid)};
    if (each.used_memory != kNvmlNotAvailable) {
      process.memory_bytes = to_bytes(each.used_memory);
    }
    if (shares) {
      // One that is not among them has used nothing of late.
      const auto share = shares->find(each.pid);
      process.util_percent = share == shares->end() ? 0.0 : share->second;
    }
    reading.processes.push_back(process);
  }
}

std::optional<std::map<std::uint32_t, double>> NvmlSource::read_shares(NvmlDevice device,
                                                                       std::int32_t index) {
  const NvmlApi& api = library_->api();
  if (api.process_samples == nullptr) {
    return std::nullopt;
  }
  std::uint64_t& last_us = last_sample_us_[index];
  const auto samples = ask_list<NvmlProcessSample>(
      [&](NvmlProcessSample* items, unsigned* count) {
        return api.process_samples(device, items, count, last_us);
      },
      kNvmlNotFound);  // since then no process has used anything
  if (!samples) {
    return std::nullopt;
  }
  std::map<std::uint32_t, double> shares;
  std::map<std::uint32_t, std::uint64_t> newest_us;
  for (const NvmlProcessSample& sample : *samples) {
    std::uint64_t& newest = newest_us[sample.pid];
    if (sample.time_us >= newest) {
      newest = sample.time_us;
      shares[sample.pid] = sample.sm;
    }
    last_us = std::max(last_us, sample.time_us);
  }
  return shares;
}

}  // namespace hearth::agent
