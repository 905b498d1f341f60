// Which sandbox levels this machine and this agent's rights allow, found out by making one.
//
// Kernels differ in what they let whom do (user namespaces switched off, a /proc with parts
// covered, no overlay), so nothing but the real thing tells. Used at the agent's start, before its
// loop runs.
#pragma once

#include <string>
#include <vector>

#include "agent/launcher/launcher.h"
#include "agent/sandbox/uid_ranges.h"
#include "base/clock.h"
#include "base/sandbox_limits.h"
#include "base/time.h"
#include "model/job_spec.h"

namespace hearth::agent {

struct SandboxSupport {
  std::vector<SandboxLevel> levels;  // None first, then what works
  // A sentence for the operator, empty when the level is offered.
  std::string process_refused;
  std::string image_refused;

  [[nodiscard]] bool offers(SandboxLevel level) const;
};

// Runs /bin/true in a sandbox of each level by `launcher`, whose events it takes meanwhile, and
// waits for it up to `deadline` each. `ranges` is null where the agent is not root.
SandboxSupport probe_sandboxes(ProcessLauncher& launcher, UidRanges* ranges, Clock& clock,
                               Duration deadline = limits::kSandboxProbeDeadline);

}  // namespace hearth::agent
