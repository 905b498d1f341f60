// What we use of the NVIDIA management library, declared here since no free package has its header.
// Layouts and codes are NVML's; only layouts that its current names (_v2, _v3) have are used.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace hearth::agent {

using NvmlReturn = int;
using NvmlDevice = void*;

inline constexpr NvmlReturn kNvmlSuccess = 0;
inline constexpr NvmlReturn kNvmlNotSupported = 3;
inline constexpr NvmlReturn kNvmlNotFound = 6;
inline constexpr NvmlReturn kNvmlInsufficientSize = 7;

inline constexpr unsigned kNvmlTemperatureGpu = 0;
inline constexpr std::uint64_t kNvmlNotAvailable = ~std::uint64_t{0};

struct NvmlMemory {
  std::uint64_t total;
  std::uint64_t free;
  std::uint64_t used;
};

struct NvmlUtilization {
  std::uint32_t gpu;
  std::uint32_t memory;
};

struct NvmlProcess {
  std::uint32_t pid;
  std::uint64_t used_memory;
  std::uint32_t gpu_instance;
  std::uint32_t compute_instance;
};

struct NvmlProcessSample {
  std::uint32_t pid;
  std::uint64_t time_us;
  std::uint32_t sm;
  std::uint32_t memory;
  std::uint32_t encoder;
  std::uint32_t decoder;
};

// The functions of a loaded library; those below `may be missing` are null in some versions.
struct NvmlApi {
  NvmlReturn (*init)() = nullptr;
  NvmlReturn (*shutdown)() = nullptr;
  NvmlReturn (*device_count)(unsigned*) = nullptr;
  NvmlReturn (*device)(unsigned, NvmlDevice*) = nullptr;
  // May be missing.
  const char* (*error_string)(NvmlReturn) = nullptr;
  NvmlReturn (*name)(NvmlDevice, char*, unsigned) = nullptr;
  NvmlReturn (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  NvmlReturn (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  NvmlReturn (*temperature)(NvmlDevice, unsigned, unsigned*) = nullptr;
  NvmlReturn (*processes)(NvmlDevice, unsigned*, NvmlProcess*) = nullptr;
  NvmlReturn (*process_samples)(NvmlDevice, NvmlProcessSample*, unsigned*, std::uint64_t) = nullptr;

  [[nodiscard]] std::string describe(NvmlReturn code) const;
};

// Loaded for as long as it lives.
class NvmlLibrary {
 public:
  // NotFound when there is none, Unimplemented when it lacks what is needed.
  static Result<NvmlLibrary> load(const std::string& path);
  ~NvmlLibrary();
  NvmlLibrary(NvmlLibrary&& other) noexcept;
  NvmlLibrary& operator=(NvmlLibrary&&) = delete;
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  [[nodiscard]] const NvmlApi& api() const { return api_; }

 private:
  explicit NvmlLibrary(void* handle) : handle_(handle) {}

  void* handle_;
  NvmlApi api_;
};

}  // namespace hearth::agent
