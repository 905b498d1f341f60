#include "agent/host/capacity.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>

#include "agent/cgroup/cgroup_mounts.h"
#include "base/files.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kSmallFileBytesMax = 64 * limits::kKiB;
constexpr std::int64_t kMountinfoBytesMax = 4 * limits::kMiB;
constexpr std::int64_t kMilli = 1'000;

void tighten(std::optional<std::int64_t>& limit, std::optional<std::int64_t> other) {
  if (other && *other > 0 && (!limit || *other < *limit)) {
    limit = other;
  }
}

// Of a file of one number; "max", a missing file and v1's "no limit" (near 2^63) are nullopt.
std::optional<std::int64_t> read_number(const std::string& path) {
  constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;
  const Result<std::string> text = read_file(path, kSmallFileBytesMax);
  std::int64_t value = 0;
  if (!text ||
      std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{} ||
      value >= kUnlimited) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> milli_of(std::optional<std::int64_t> quota,
                                     std::optional<std::int64_t> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) {
    return std::nullopt;
  }
  return std::max<std::int64_t>(1, *quota * kMilli / *period);
}

// "max 100000" or "50000 100000".
std::optional<std::int64_t> read_v2_cpu(const std::string& path) {
  const Result<std::string> text = read_file(path, kSmallFileBytesMax);
  if (!text) {
    return std::nullopt;
  }
  std::istringstream words(*text);
  std::int64_t quota = 0;
  std::int64_t period = 0;
  return words >> quota >> period ? milli_of(quota, period) : std::nullopt;
}

// Calls `visit` with the folder of the group, then of each above it up to the mount.
template <class Visit>
void each_group(const std::string& root, const Hierarchy& hierarchy, Visit visit) {
  std::string group = hierarchy.own;
  for (;;) {
    visit(root + hierarchy.mount + group);
    if (group.empty()) {
      return;
    }
    group.resize(std::min(group.rfind('/'), group.size() - 1));
  }
}

}  // namespace

MachineLimits host_limits() {
  MachineLimits found;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    found.cpu_milli = CPU_COUNT(&cpus) * kMilli;
  } else if (const long online = sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    found.cpu_milli = online * kMilli;
  }
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page_bytes > 0) {
    found.memory_bytes = static_cast<std::int64_t>(pages) * page_bytes;
  }
  return found;
}

MachineLimits own_cgroup_limits(const std::string& root) {
  MachineLimits found;
  const Result<std::string> mountinfo =
      read_file(root + "/proc/self/mountinfo", kMountinfoBytesMax);
  const Result<std::string> own = read_file(root + "/proc/self/cgroup", kSmallFileBytesMax);
  if (!mountinfo || !own) {
    return found;
  }
  const CgroupMounts mounts = parse_cgroup_mounts(*mountinfo, *own);
  if (mounts.v2) {
    each_group(root, *mounts.v2, [&](const std::string& folder) {
      tighten(found.cpu_milli, read_v2_cpu(folder + "/cpu.max"));
      tighten(found.memory_bytes, read_number(folder + "/memory.max"));
    });
  }
  if (const auto cpu = mounts.v1.find("cpu"); cpu != mounts.v1.end()) {
    each_group(root, cpu->second, [&](const std::string& folder) {
      tighten(found.cpu_milli, milli_of(read_number(folder + "/cpu.cfs_quota_us"),
                                        read_number(folder + "/cpu.cfs_period_us")));
    });
  }
  if (const auto memory = mounts.v1.find("memory"); memory != mounts.v1.end()) {
    each_group(root, memory->second, [&](const std::string& folder) {
      tighten(found.memory_bytes, read_number(folder + "/memory.limit_in_bytes"));
    });
  }
  return found;
}

Result<ResourceVector> decide_capacity(const MachineLimits& host, const MachineLimits& own_group,
                                       const CapacityWish& wish) {
  MachineLimits limit = host;
  tighten(limit.cpu_milli, own_group.cpu_milli);
  tighten(limit.memory_bytes, own_group.memory_bytes);
  if (limit.memory_bytes) {
    *limit.memory_bytes -= std::min(wish.reserve_memory_bytes, *limit.memory_bytes / 2);
  }
  if (wish.cpu_milli) {
    limit.cpu_milli = wish.cpu_milli;
  }
  if (wish.memory_bytes) {
    limit.memory_bytes = wish.memory_bytes;
  }
  if (limit.cpu_milli.value_or(0) <= 0 || limit.cpu_milli.value_or(0) > limits::kCpuMilliMax) {
    return invalid_field("cpu", "the agent's capacity needs between 0.001 and " +
                                    std::to_string(limits::kCpuMilliMax / kMilli) +
                                    " cores; say how many with --cpu");
  }
  if (limit.memory_bytes.value_or(0) <= 0 ||
      limit.memory_bytes.value_or(0) > limits::kMemoryBytesMax) {
    return invalid_field("memory", "the agent's capacity needs memory, at most " +
                                       std::to_string(limits::kMemoryBytesMax / limits::kMiB) +
                                       " MiB; say how much with --memory");
  }
  if (wish.gpus < 0 || wish.reserve_memory_bytes < 0) {
    return invalid_field("gpus", "the agent's --gpus and --reserve-memory must not be negative");
  }
  ResourceVector capacity{.cpu_milli = *limit.cpu_milli,
                          .memory_bytes = *limit.memory_bytes,
                          .gpus = wish.gpus,
                          .named = {}};
  for (const auto& [name, amount] : wish.named) {
    if (name.empty() || amount <= 0) {
      return invalid_field("resources",
                           "the agent's --resources needs NAME=AMOUNT with an amount "
                           "above 0");
    }
    capacity.named.emplace_back(name, amount);
  }
  return capacity;
}

}  // namespace hearth::agent
