// How much of this machine jobs may have: the smaller of the host and the agent's own cgroup, less
// a named reserve, unless the operator says otherwise.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "model/resources.h"

namespace hearth::agent {

// What a source of limits says; nullopt: no limit, or not known.
struct MachineLimits {
  std::optional<std::int64_t> cpu_milli;
  std::optional<std::int64_t> memory_bytes;
};

// The CPUs this process may use and the machine's memory.
MachineLimits host_limits();

// The tightest limits of the agent's own group and those above it, in whatever hierarchies the host
// has; `root` stands before every path, for tests.
MachineLimits own_cgroup_limits(const std::string& root = "");

struct CapacityWish {
  std::optional<std::int64_t> cpu_milli;     // --cpu
  std::optional<std::int64_t> memory_bytes;  // --memory
  std::int64_t gpus = 0;
  std::map<std::string, std::int64_t> named;
  std::int64_t reserve_memory_bytes = limits::kReserveMemoryBytes;
};

// Of memory the reserve is kept for the agent and the system, but at most half; CPU needs none,
// since groups share it by weight. A wish is taken as it is. InvalidArgument for a wish that is
// not positive, or when nothing is known and nothing wished.
Result<ResourceVector> decide_capacity(const MachineLimits& host, const MachineLimits& own_group,
                                       const CapacityWish& wish);

}  // namespace hearth::agent
