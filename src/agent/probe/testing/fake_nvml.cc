// A libnvidia-ml.so.1 that does what the file named by FAKE_NVML_STATE says at each call; lines of
//   init CODE               what nvmlInit answers
//   gpus N                  how many there are
//   lost INDEX              that GPU answers "lost"
//   process GPU PID BYTES SM    (BYTES "none": not available)
//   shares CODE             what nvmlDeviceGetProcessUtilization answers
//   hang PATH               memory queries wait for a writer of this FIFO
// Layouts are written out here once more: that they match ours is part of what is tested.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Process {
  unsigned gpu = 0;
  unsigned pid = 0;
  unsigned long long bytes = 0;
  unsigned sm = 0;
};

struct Script {
  int init = 0;
  unsigned gpus = 1;
  int lost = -1;
  int shares = 0;
  std::string hang;
  std::vector<Process> processes;
};

Script read_script() {
  Script script;
  const char* const path = std::getenv("FAKE_NVML_STATE");
  std::ifstream lines(path == nullptr ? "" : path);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "init") {
      words >> script.init;
    } else if (key == "gpus") {
      words >> script.gpus;
    } else if (key == "lost") {
      words >> script.lost;
    } else if (key == "shares") {
      words >> script.shares;
    } else if (key == "hang") {
      words >> script.hang;
    } else if (key == "process") {
      Process process;
      std::string bytes;
      words >> process.gpu >> process.pid >> bytes >> process.sm;
      process.bytes = bytes == "none" ? ~0ULL : std::stoull(bytes);
      script.processes.push_back(process);
    }
  }
  return script;
}

unsigned index_of(void* device) {
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(device)) - 1;
}

std::vector<Process> on(void* device) {
  std::vector<Process> found;
  for (const Process& process : read_script().processes) {
    if (process.gpu == index_of(device)) {
      found.push_back(process);
    }
  }
  return found;
}

constexpr int kInvalid = 2;
constexpr int kNotFound = 6;
constexpr int kTooSmall = 7;
constexpr int kLost = 15;

}  // namespace

extern "C" {

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct Utilization {
  unsigned gpu;
  unsigned memory;
};
struct ProcessInfo {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance;
  unsigned compute_instance;
};
struct ProcessSample {
  unsigned pid;
  unsigned long long time;
  unsigned sm;
  unsigned memory;
  unsigned encoder;
  unsigned decoder;
};
static_assert(sizeof(ProcessInfo) == 24 && sizeof(ProcessSample) == 32);

// NVML's own names.
// NOLINTBEGIN(readability-identifier-naming)
int nvmlInit_v2() {
  return read_script().init;
}
int nvmlShutdown() {
  return 0;
}
const char* nvmlErrorString(int code) {
  return code == 9 ? "Driver Not Loaded" : "some error";
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = read_script().gpus;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  const Script script = read_script();
  if (index >= script.gpus) {
    return kInvalid;
  }
  if (static_cast<int>(index) == script.lost) {
    return kLost;
  }
  *device = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index) + 1);
  return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  std::snprintf(name, size, "Fake GPU %u", index_of(device));
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* /*device*/, Memory* memory) {
  const Script script = read_script();
  if (!script.hang.empty()) {
    close(open(script.hang.c_str(), O_RDONLY));  // returns when somebody opens it to write
  }
  memory->total = 80ULL << 30;
  memory->used = 8ULL << 30;
  memory->free = memory->total - memory->used;
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, Utilization* utilization) {
  utilization->gpu = 37 + index_of(device);
  utilization->memory = 12;
  return 0;
}
int nvmlDeviceGetTemperature(void* /*device*/, unsigned sensor, unsigned* degrees) {
  *degrees = 61;
  return sensor == 0 ? 0 : kInvalid;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, ProcessInfo* infos) {
  const auto processes = on(device);
  const auto room = *count;
  *count = static_cast<unsigned>(processes.size());
  if (room < processes.size()) {
    return kTooSmall;
  }
  for (std::size_t i = 0; i < processes.size(); ++i) {
    infos[i] = {processes[i].pid, processes[i].bytes, ~0U, ~0U};
  }
  return 0;
}
int nvmlDeviceGetProcessUtilization(void* device, ProcessSample* samples, unsigned* count,
                                    unsigned long long last_seen) {
  const int code = read_script().shares;
  if (code != 0) {
    return code;
  }
  std::vector<Process> busy;
  for (const Process& process : on(device)) {
    if (process.sm > 0) {
      busy.push_back(process);
    }
  }
  if (busy.empty()) {
    return kNotFound;
  }
  // Two samples each, the older one of another value.
  const auto needed = static_cast<unsigned>(2 * busy.size());
  const unsigned room = samples == nullptr ? 0 : *count;
  *count = needed;
  if (room < needed) {
    return kTooSmall;
  }
  std::size_t next = 0;
  for (const Process& process : busy) {
    samples[next++] = {process.pid, last_seen + 20, process.sm, 10, 0, 0};
    samples[next++] = {process.pid, last_seen + 10, 1, 10, 0, 0};
  }
  return 0;
}
// NOLINTEND(readability-identifier-naming)

}  // extern "C"
