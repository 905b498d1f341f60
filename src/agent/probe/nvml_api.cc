#include "agent/probe/nvml_api.h"

#include <dlfcn.h>

#include <utility>

namespace hearth::agent {
namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  if (function == nullptr) {
    function = reinterpret_cast<Function>(dlsym(library, name));
  }
}

}  // namespace

std::string NvmlApi::describe(NvmlReturn code) const {
  const char* const text = error_string == nullptr ? nullptr : error_string(code);
  return "NVML error " + std::to_string(code) +
         (text == nullptr ? "" : " (" + std::string(text) + ")");
}

Result<NvmlLibrary> NvmlLibrary::load(const std::string& path) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();
    return not_found("NVML cannot be loaded: " + std::string(why == nullptr ? path : why));
  }
  NvmlLibrary library(handle);
  NvmlApi& api = library.api_;
  find(handle, "nvmlInit_v2", api.init);
  find(handle, "nvmlShutdown", api.shutdown);
  find(handle, "nvmlDeviceGetCount_v2", api.device_count);
  find(handle, "nvmlDeviceGetHandleByIndex_v2", api.device);
  find(handle, "nvmlErrorString", api.error_string);
  find(handle, "nvmlDeviceGetName", api.name);
  find(handle, "nvmlDeviceGetMemoryInfo", api.memory);
  find(handle, "nvmlDeviceGetUtilizationRates", api.utilization);
  find(handle, "nvmlDeviceGetTemperature", api.temperature);
  find(handle, "nvmlDeviceGetComputeRunningProcesses_v3", api.processes);
  find(handle, "nvmlDeviceGetComputeRunningProcesses_v2", api.processes);
  find(handle, "nvmlDeviceGetProcessUtilization", api.process_samples);
  if (api.init == nullptr || api.shutdown == nullptr || api.device_count == nullptr ||
      api.device == nullptr) {
    return Error{.code = ErrorCode::Unimplemented,
                 .message = path + " is too old: it lacks functions of NVML"};
  }
  return library;
}

NvmlLibrary::NvmlLibrary(NvmlLibrary&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), api_(other.api_) {}

NvmlLibrary::~NvmlLibrary() {
  if (handle_ != nullptr) {
    dlclose(handle_);
  }
}

}  // namespace hearth::agent
