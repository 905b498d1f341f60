// The answers of nvidia-smi (--format=csv,noheader,nounits). Pure.
//
// Lines that cannot be understood are left out and counted: what it prints is made for people and
// differs between versions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/probe/gpu_source.h"

namespace hearth::agent {

// `sm` is no property of --query-compute-apps: asking for it fails the whole query. What a process
// uses of a GPU's time is not to be had this way.
inline constexpr std::string_view kSmiGpuQuery =
    "--query-gpu=index,uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu";
inline constexpr std::string_view kSmiProcessQuery =
    "--query-compute-apps=gpu_uuid,pid,used_gpu_memory";
inline constexpr std::string_view kSmiFormat = "--format=csv,noheader,nounits";

struct SmiGpus {
  std::vector<MachineGpu> gpus;    // by index
  std::vector<std::string> uuids;  // in the order of `gpus`
  int garbled = 0;
};
SmiGpus parse_smi_gpus(std::string_view text);

struct SmiProcesses {
  std::vector<GpuProcess> processes;
  int garbled = 0;
};
SmiProcesses parse_smi_processes(std::string_view text, const SmiGpus& gpus);

}  // namespace hearth::agent
