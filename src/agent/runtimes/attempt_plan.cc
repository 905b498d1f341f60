#include "agent/runtimes/attempt_plan.h"

#include <map>

namespace hearth::agent {

std::string attempt_name(const AttemptKey& key) {
  return to_string(key.job) + "-" + std::to_string(key.attempt) + "-" + std::to_string(key.epoch);
}

GroupLimits limits_of(const JobSpec& spec, std::int64_t pids_max) {
  return GroupLimits{.memory_bytes = spec.scheduling.request.memory_bytes,
                     .cpu_limit_milli = spec.execution.cpu_limit_milli,
                     .cpu_weight_milli = spec.scheduling.request.cpu_milli,
                     .pids = pids_max};
}

std::vector<std::string> environment_of(const AttemptKey& key, const JobSpec& spec,
                                        const EnvironmentBase& base) {
  std::map<std::string, std::string> all = {
      {"PATH", base.path}, {"LANG", base.lang}, {"HOME", base.home}, {"TMPDIR", base.tmpdir}};
  for (const auto* given : {&spec.execution.env, &spec.execution.secret_env}) {
    for (const auto& [name, value] : *given) {
      all.insert_or_assign(name, value);
    }
  }
  all.insert_or_assign("HEARTH_JOB_ID", to_string(key.job));
  all.insert_or_assign("HEARTH_ATTEMPT", std::to_string(key.attempt));
  all.erase("HEARTH_ARRAY_INDEX");
  if (spec.array_index) {
    all.insert_or_assign("HEARTH_ARRAY_INDEX", std::to_string(*spec.array_index));
  }
  std::vector<std::string> environment;
  environment.reserve(all.size());
  for (const auto& [name, value] : all) {
    environment.push_back(name + "=" + value);
  }
  return environment;
}

}  // namespace hearth::agent
