// What a test leaves on the machine: processes, control groups, files, mounts.
//
// Other tests run at the same time, so it judges only what belongs to this one, by the scratch
// directory (in a command line, an environment, a working directory, a mount) and by the instances
// of the agents whose data directories are in it (in the names of groups and files).
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "base/time.h"

namespace hearth::harness {

class Residue {
 public:
  // What is in `scratch` now may stay in it; so may data directories that come later.
  explicit Residue(std::string scratch);

  // One sentence for each thing that is left. All jobs must have ended. Not left are the programs
  // `running`, their launchers and, of agents among them, the folder of their groups with its empty
  // groups (slot-N). No agent may be just starting. Things that are just being cleaned up have
  // until `patience` passes.
  [[nodiscard]] std::vector<std::string> left(const std::set<pid_t>& running = {},
                                              Duration patience = std::chrono::seconds(20)) const;

 private:
  [[nodiscard]] std::vector<std::string> look(const std::set<pid_t>& running) const;

  std::string scratch_;
  std::set<std::string> names_before_;
  std::set<std::string> mounts_before_;
};

}  // namespace hearth::harness
