#include "agent/probe/machine_probe.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <utility>

#include "agent/cgroup/cgroup_mounts.h"
#include "agent/probe/cgroup_parse.h"
#include "agent/probe/text.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kFiles = 8;
constexpr double kPercent = 100;
// Of each CPU, between two samples that can be compared: the kernel counts in hundredths of a
// second.
constexpr std::int64_t kTicksMin = 10;
constexpr std::int64_t kMilli = 1'000;

// Calls `visit` with the folder of the agent's group, then of each above it up to the mount.
template <class Visit>
void each_group(const Hierarchy& hierarchy, Visit visit) {
  std::string group = hierarchy.own;
  for (;;) {
    visit(hierarchy.mount + group);
    if (group.empty()) {
      return;
    }
    group.resize(std::min(group.rfind('/'), group.size() - 1));
  }
}

}  // namespace

MachineProbe::MachineProbe(Clock& clock, MachineProbeOptions options)
    : clock_(clock),
      options_(std::move(options)),
      buffer_(limits::kProbeFileBytesMax),
      descriptors_(kFiles),
      stat_(descriptors_, options_.root + "/proc/stat"),
      loadavg_(descriptors_, options_.root + "/proc/loadavg"),
      meminfo_(descriptors_, options_.root + "/proc/meminfo"),
      diskstats_(descriptors_, options_.root + "/proc/diskstats"),
      net_dev_(descriptors_, options_.root + "/proc/net/dev"),
      pressure_{KeptFile(descriptors_, options_.root + "/proc/pressure/cpu"),
                KeptFile(descriptors_, options_.root + "/proc/pressure/memory"),
                KeptFile(descriptors_, options_.root + "/proc/pressure/io")} {
  find_memory_bound();
  find_disk();
  [[maybe_unused]] const auto line_to_measure_from = read();
}

void MachineProbe::find_memory_bound() {
  const std::string mountinfo(read_once(options_.root + "/proc/self/mountinfo", buffer_));
  const std::string own(read_once(options_.root + "/proc/self/cgroup", buffer_));
  const CgroupMounts mounts = parse_cgroup_mounts(mountinfo, own);
  const auto look = [&](const Hierarchy& hierarchy, const char* limit, const char* usage,
                        bool is_v2) {
    each_group(hierarchy, [&](const std::string& group) {
      const std::string folder = options_.root + group;
      const auto bytes = parse_count_file(read_once(folder + "/" + limit, buffer_));
      if (bytes && *bytes > 0 && (!bound_ || *bytes < bound_->limit_bytes)) {
        bound_ = MemoryBound{.limit_bytes = *bytes,
                             .usage_file = folder + "/" + usage,
                             .stat_file = folder + "/memory.stat",
                             .is_v2 = is_v2};
      }
    });
  };
  if (mounts.v2) {
    look(*mounts.v2, "memory.max", "memory.current", true);
  }
  if (const auto memory = mounts.v1.find("memory"); memory != mounts.v1.end()) {
    look(memory->second, "memory.limit_in_bytes", "memory.usage_in_bytes", false);
  }
}

void MachineProbe::find_disk() {
  struct stat folder {};
  if (options_.data_dir.empty() || stat(options_.data_dir.c_str(), &folder) != 0) {
    return;
  }
  disk_ = {major(folder.st_dev), minor(folder.st_dev)};
  if (parse_diskstats(text(diskstats_), disk_->first, disk_->second)) {
    return;
  }
  const std::string mountinfo(read_once(options_.root + "/proc/self/mountinfo", buffer_));
  const auto source = mount_source(mountinfo, disk_->first, disk_->second);
  struct stat device {};
  if (source && stat(source->c_str(), &device) == 0 && S_ISBLK(device.st_mode)) {
    disk_ = {major(device.st_rdev), minor(device.st_rdev)};
  } else {
    disk_.reset();  // none that counts: memory, a network, an overlay
  }
}

MachineSample MachineProbe::read() {
  MachineSample sample;
  read_cpu(sample);
  if (const auto load = parse_load(text(loadavg_))) {
    sample.load_1m = (*load)[0];
    sample.load_5m = (*load)[1];
    sample.load_15m = (*load)[2];
  }
  read_memory(sample);
  read_disk(sample);
  read_network(sample);
  sample.pressure = {.cpu = read_pressure(pressure_[0]),
                     .memory = read_pressure(pressure_[1]),
                     .io = read_pressure(pressure_[2])};
  return sample;
}

// The kernel's own ticks are the time that passed; a share of them needs no clock.
void MachineProbe::read_cpu(MachineSample& sample) {
  const auto ticks = parse_machine_cpu(text(stat_));
  sample.cpu_milli = options_.cpu_milli;
  if (!sample.cpu_milli && ticks) {
    sample.cpu_milli = ticks->cpus * kMilli;
  }
  if (!ticks || !cpu_before_ || ticks->total < cpu_before_->total ||
      ticks->busy < cpu_before_->busy) {
    cpu_percent_.reset();
    cpu_before_ = ticks;
    return;
  }
  const std::int64_t passed = ticks->total - cpu_before_->total;
  if (passed >= kTicksMin * ticks->cpus) {
    cpu_percent_ = kPercent * static_cast<double>(ticks->cpus) *
                   static_cast<double>(ticks->busy - cpu_before_->busy) /
                   static_cast<double>(passed);
    cpu_before_ = ticks;
  }
  sample.cpu_percent = cpu_percent_;
}

void MachineProbe::read_memory(MachineSample& sample) {
  const auto host = parse_meminfo(text(meminfo_));
  if (!host) {
    return;
  }
  sample.memory_total_bytes = host->total_bytes;
  sample.memory_available_bytes = host->available_bytes;
  sample.memory_used_bytes = host->total_bytes - host->available_bytes;
  if (!bound_ || bound_->limit_bytes >= host->total_bytes) {
    return;
  }
  // What was read from files and is not in use goes when memory is wanted, as in MemAvailable.
  const auto usage = parse_count_file(read_once(bound_->usage_file, buffer_));
  const std::string_view stat_text = read_once(bound_->stat_file, buffer_);
  const MemoryStat stat =
      bound_->is_v2 ? parse_memory_stat_v2(stat_text) : parse_memory_stat_v1(stat_text);
  sample.memory_total_bytes = bound_->limit_bytes;
  sample.memory_used_bytes.reset();
  sample.memory_available_bytes.reset();
  if (usage) {
    const std::int64_t used = std::clamp<std::int64_t>(
        *usage - stat.inactive_file_bytes.value_or(0), 0, bound_->limit_bytes);
    sample.memory_used_bytes = used;
    sample.memory_available_bytes = std::min(bound_->limit_bytes - used, host->available_bytes);
  }
}

void MachineProbe::read_disk(MachineSample& sample) {
  struct statvfs disk {};
  if (options_.data_dir.empty()) {
    return;
  }
  if (statvfs(options_.data_dir.c_str(), &disk) == 0 && disk.f_blocks > 0) {
    const auto block = static_cast<std::int64_t>(disk.f_frsize);
    sample.disk_total_bytes = multiply_capped(static_cast<std::int64_t>(disk.f_blocks), block);
    sample.disk_free_bytes = multiply_capped(static_cast<std::int64_t>(disk.f_bavail), block);
  }
  const auto io =
      disk_ ? parse_diskstats(text(diskstats_), disk_->first, disk_->second) : std::nullopt;
  const std::int64_t now_ns = clock_.monotonic_ns();
  sample.disk_read_bytes_per_sec =
      rounded(disk_read_rate_.update(io ? std::optional(io->read) : std::nullopt, now_ns));
  sample.disk_write_bytes_per_sec =
      rounded(disk_write_rate_.update(io ? std::optional(io->written) : std::nullopt, now_ns));
}

void MachineProbe::read_network(MachineSample& sample) {
  const auto bytes = parse_net_dev(text(net_dev_));
  const std::int64_t now_ns = clock_.monotonic_ns();
  sample.net_rx_bytes_per_sec =
      rounded(received_rate_.update(bytes ? std::optional(bytes->received) : std::nullopt, now_ns));
  sample.net_tx_bytes_per_sec =
      rounded(sent_rate_.update(bytes ? std::optional(bytes->sent) : std::nullopt, now_ns));
}

std::optional<double> MachineProbe::read_pressure(KeptFile& file) {
  const auto pressure = parse_pressure(text(file));
  return pressure ? std::optional(pressure->average) : std::nullopt;
}

}  // namespace hearth::agent
