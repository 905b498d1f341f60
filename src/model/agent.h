// Agents as the controller knows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/job_spec.h"
#include "model/job_state.h"
#include "model/resources.h"

namespace hearth {

// What an agent says of itself in its hello. `instance` is the random id of its data directory,
// `incarnation` that of this process: the same agent restarted has the same instance and another
// incarnation; two machines that were given the same --id differ in both.
struct AgentInfo {
  AgentId id;
  std::string type;
  std::string instance;
  std::string incarnation;
  std::string hostname;
  std::string version;
  Labels labels;
  ResourceVector capacity;
  std::int64_t max_parallel_jobs = limits::kParallelJobsDefault;
  Enforcement enforcement = Enforcement::None;
  std::vector<SandboxLevel> sandboxes;
  std::vector<std::string> features;  // sorted; languages and images, see lang_feature

  friend bool operator==(const AgentInfo&, const AgentInfo&) = default;
};

// From heartbeats; never persisted. A figure that is not known is nullopt.
struct AgentUsage {
  std::optional<double> cpu_percent;  // 100 = one core
  std::optional<std::int64_t> memory_bytes;
  // How often it beats. Agents that cannot be told another interval do not say.
  std::optional<Duration> heartbeat_interval = {};
};

struct AgentRecord {
  AgentInfo info;
  AgentStatus status = AgentStatus::Idle;
  bool draining = false;
  TimePoint first_seen_at{};
  TimePoint last_heartbeat_at{};
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t busy_ms = 0;  // how long its attempts ran that told of their end, one by one
};

struct AgentView {
  AgentRecord record;
  ResourceVector reserved;
  AgentUsage usage;
  std::int64_t running = 0;
};

}  // namespace hearth
