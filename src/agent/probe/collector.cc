#include "agent/probe/collector.h"

#include <unistd.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "agent/cgroup/kept_files.h"
#include "agent/probe/process_parse.h"
#include "agent/probe/text.h"

namespace hearth::agent {
namespace {

// Of the descriptors there may be, for files that are read again and again.
constexpr std::int64_t kFilesPart = 4;

// Several processes of a worker on one GPU are one part of it.
void add_process(const GpuProcess& process, bool stale, std::vector<WorkerGpu>& gpus) {
  auto found = std::find_if(gpus.begin(), gpus.end(),
                            [&](const WorkerGpu& gpu) { return gpu.index == process.gpu; });
  if (found == gpus.end()) {
    gpus.push_back({.index = process.gpu,
                    .util_percent = process.util_percent,
                    .memory_bytes = process.memory_bytes,
                    .stale = stale});
    return;
  }
  // The sum of a known part and an unknown one is not known.
  if (found->util_percent && process.util_percent) {
    *found->util_percent += *process.util_percent;
  } else {
    found->util_percent.reset();
  }
  if (found->memory_bytes && process.memory_bytes) {
    found->memory_bytes = add_capped(*found->memory_bytes, *process.memory_bytes);
  } else {
    found->memory_bytes.reset();
  }
}

}  // namespace

Collector::Collector(const Deps& deps, Options options)
    : deps_(deps),
      buffer_(limits::kProbeFileBytesMax),
      descriptors_(files_to_keep(options.files_kept_max, kFilesPart)),
      processes_(options.proc_root, buffer_),
      context_{.clock = deps.clock,
               .descriptors = descriptors_,
               .processes = processes_,
               .proc_root = options.proc_root,
               .ticks_per_second = sysconf(_SC_CLK_TCK),
               .page_bytes = sysconf(_SC_PAGE_SIZE),
               .buffer = buffer_,
               .machine_uptime_ms = {}},
      machine_(deps.clock, std::move(options.machine)) {}

void Collector::add(WorkerTarget target) {
  begin_pass();
  std::string id = target.id;
  readers_.insert_or_assign(std::move(id), make_worker_reader(context_, std::move(target)));
}

void Collector::remove(const std::string& id) {
  readers_.erase(id);
}

void Collector::begin_pass() {
  processes_.expire();
  context_.machine_uptime_ms =
      parse_uptime_ms(read_once(context_.proc_root + "/uptime", context_.buffer));
}

std::vector<WorkerReading> Collector::collect() {
  begin_pass();
  std::vector<WorkerReading> readings;
  readings.reserve(readers_.size());
  for (const auto& [id, reader] : readers_) {
    auto sample = reader->read();
    if (sample) {
      readings.push_back({.id = id, .is_gone = false, .sample = std::move(*sample), .problem = {}});
    } else {
      readings.push_back({.id = id,
                          .is_gone = sample.error().code == ErrorCode::NotFound,
                          .sample = {},
                          .problem = sample.error().message});
    }
  }
  add_gpus(readings);
  return readings;
}

// Members are listed only while a GPU has processes at all.
void Collector::add_gpus(std::vector<WorkerReading>& readings) {
  if (deps_.gpus == nullptr) {
    return;
  }
  const GpuSnapshot snapshot = deps_.gpus->latest();
  if (!snapshot.reading || snapshot.reading->processes.empty()) {
    return;
  }
  std::unordered_map<pid_t, std::size_t> owners;
  std::size_t position = 0;
  for (const auto& [id, reader] : readers_) {
    if (!readings[position].is_gone) {
      for (const pid_t pid : reader->pids()) {
        owners.emplace(pid, position);
      }
    }
    ++position;
  }
  for (const GpuProcess& process : snapshot.reading->processes) {
    if (const auto owner = owners.find(process.pid); owner != owners.end()) {
      add_process(process, snapshot.stale_since.has_value(), readings[owner->second].sample.gpus);
    }
  }
  for (WorkerReading& reading : readings) {
    std::sort(reading.sample.gpus.begin(), reading.sample.gpus.end(),
              [](const WorkerGpu& a, const WorkerGpu& b) { return a.index < b.index; });
  }
}

MachineSample Collector::machine() {
  MachineSample sample = machine_.read();
  if (deps_.gpus != nullptr) {
    GpuSnapshot snapshot = deps_.gpus->latest();
    sample.gpu_problem = std::move(snapshot.problem);
    if (snapshot.reading) {
      sample.gpus = snapshot.reading->gpus;
      for (MachineGpu& gpu : sample.gpus) {
        gpu.stale_since = snapshot.stale_since;
      }
    }
  }
  return sample;
}

}  // namespace hearth::agent
