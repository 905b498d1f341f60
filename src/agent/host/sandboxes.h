// Finds out, at an agent's start, what it can offer to jobs that must not be trusted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/warm_pool.h"
#include "agent/launcher/launcher.h"
#include "agent/runtimes/sandbox_offer.h"
#include "agent/sandbox/uid_ranges.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/warm_limits.h"
#include "model/agent.h"

namespace hearth::agent {

struct SandboxOptions {
  bool enabled = true;                       // false: level none only
  SandboxLevel lowest = SandboxLevel::None;  // jobs that ask for less are not taken
  SandboxPolicy policy;
  LanguageSettings languages;                 // over the defaults
  std::map<std::string, std::string> images;  // see images.h, by name
  std::optional<std::int64_t> warm_slots;     // absent: kWarmSlotsDefault, fewer with little memory
  std::map<std::string, std::int64_t> warm_always;
  // Of all agents of the machine; see UidRanges.
  std::string ids_lock_path = "/run/hearth-sandbox-ids.lock";
};

struct SandboxDeps {
  ProcessLauncher& launcher;
  Clock& clock;
  Log& log;
  std::string path;               // where interpreters are looked for
  std::string images_dir;         // of what is unpacked
  std::int64_t memory_bytes = 0;  // that the agent would offer to jobs
};

struct Sandboxes {
  std::unique_ptr<UidRanges> ids;  // null: the agent is not root, or offers none
  SandboxOffer offer;
  WarmPolicy warm;
};

// Runs a sandbox of each level by the launcher, whose events it takes meanwhile. What this machine
// cannot do is logged and not offered; InvalidArgument or NotFound for settings that make no sense,
// FailedPrecondition when not even `lowest` is possible.
Result<Sandboxes> prepare_sandboxes(const SandboxOptions& options, const SandboxDeps& deps);

// As wished; otherwise kWarmSlotsDefault, or what kWarmMemoryPart of the memory has room for.
std::int64_t warm_slots_of(std::optional<std::int64_t> wished, std::int64_t memory_bytes);

// Says in `info` what is offered.
void announce(const SandboxOffer& offer, AgentInfo& info);

}  // namespace hearth::agent
