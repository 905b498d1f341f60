// What exactly is to be started for an attempt, and confined how: from its spec and what the agent
// offers. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/launcher/sandbox_plan.h"
#include "agent/runtimes/attempt_plan.h"
#include "agent/runtimes/sandbox_offer.h"
#include "agent/sandbox/scratch.h"
#include "base/result.h"
#include "model/ids.h"
#include "model/job_spec.h"

namespace hearth::agent {

// Where a sandboxed job finds itself.
inline constexpr std::string_view kSandboxHome = "/work";
inline constexpr std::string_view kSandboxTmp = "/tmp";

struct PlannedFile {
  std::string path;  // below the working directory
  std::string bytes;
};

struct ProcessPlan {
  SandboxLevel level = SandboxLevel::None;
  std::vector<std::string> command;
  std::vector<PlannedFile> files;
  GroupLimits limits;
  const Language* language = nullptr;  // of a script; the offer's
  // Of a sandbox; ids and descriptors are for the shell to fill in.
  SandboxPlan sandbox;
  ScratchOptions scratch;
};

// SandboxError's sentence as the message when the agent does not offer what is asked for.
Result<ProcessPlan> plan_process(const JobSpec& spec, const SandboxOffer& offer,
                                 std::int64_t pids_max);

// A plan for an interpreter of `language` that waits for its script.
ProcessPlan plan_slot(const Language& language, const SandboxOffer& offer);

// Whether a slot of its language, made by plan_slot, can serve the job. Jobs that need another
// root, more files or an environment that the interpreter looks at when it starts have to start
// one.
bool fits_slot(const JobSpec& spec, const ProcessPlan& plan, const SandboxOffer& offer);

// What a slot is told: its script's arguments and whole environment.
std::string slot_frame(const std::vector<std::string>& args,
                       const std::vector<std::string>& environment);

}  // namespace hearth::agent
