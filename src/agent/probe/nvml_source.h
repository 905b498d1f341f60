// GPU figures of NVML, the library below nvidia-smi: no process to start, and a process's share of
// a GPU's time too.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/probe/gpu_source.h"
#include "agent/probe/nvml_api.h"

namespace hearth::agent {

inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

class NvmlSource final : public GpuSource {
 public:
  // Nothing is loaded before the first read(), nor while there is none; a driver that is installed
  // later is found.
  explicit NvmlSource(std::string library_path) : path_(std::move(library_path)) {}
  ~NvmlSource() override;
  NvmlSource(const NvmlSource&) = delete;
  NvmlSource& operator=(const NvmlSource&) = delete;

  Result<GpuReading> read() override;

 private:
  Result<> begin();
  void end();
  // False when the device does not answer at all.
  bool read_device(NvmlDevice device, std::int32_t index, GpuReading& reading);
  void read_processes(NvmlDevice device, std::int32_t index, GpuReading& reading);
  // By pid, in percent; nullopt when it cannot be had.
  std::optional<std::map<std::uint32_t, double>> read_shares(NvmlDevice device, std::int32_t index);

  const std::string path_;
  std::optional<NvmlLibrary> library_;
  bool is_begun_ = false;
  std::map<std::int32_t, std::uint64_t> last_sample_us_;  // by device
};

}  // namespace hearth::agent
