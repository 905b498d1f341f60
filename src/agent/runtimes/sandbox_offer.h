// What an agent offers to jobs that must not be trusted: which sandbox levels, under which of the
// operator's rules, for which languages, in which images.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/runtimes/languages.h"
#include "base/sandbox_limits.h"
#include "base/warm_limits.h"
#include "model/job_spec.h"

namespace hearth::agent {

// The operator's ceiling: no request goes beyond it.
struct SandboxPolicy {
  bool network = false;
  std::int64_t disk_bytes = limits::kScratchBytesDefault;  // at most the job's memory
  std::int64_t disk_entries = limits::kScratchInodesDefault;
  std::int64_t processes = limits::kSandboxProcessesDefault;
  std::int64_t open_files = limits::kSandboxOpenFilesDefault;
  std::vector<std::string> paths;  // of the machine, shown read-only
};

struct SandboxOffer {
  std::vector<SandboxLevel> levels = {SandboxLevel::None};
  SandboxPolicy policy;
  std::map<std::string, Language> languages;
  std::map<std::string, std::string> images;  // the folder of its root file system, by its name
};

}  // namespace hearth::agent
