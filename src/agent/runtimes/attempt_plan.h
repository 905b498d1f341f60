// What an attempt's process is given, from its spec. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "model/ids.h"
#include "model/job_spec.h"

namespace hearth::agent {

// Names the group and the folder; unique also among the attempts of one job that overlap.
std::string attempt_name(const AttemptKey& key);

GroupLimits limits_of(const JobSpec& spec, std::int64_t pids_max);

struct EnvironmentBase {
  std::string path;
  std::string lang;
  std::string home;
  std::string tmpdir;
};

// NAME=value, sorted by name: the base, over it `env`, over it `secret_env`. HEARTH_JOB_ID,
// HEARTH_ATTEMPT and HEARTH_ARRAY_INDEX always tell the truth.
std::vector<std::string> environment_of(const AttemptKey& key, const JobSpec& spec,
                                        const EnvironmentBase& base);

}  // namespace hearth::agent
