// What hostile jobs must leave as it was: processes, groups, mounts, descriptors, ranges of ids,
// the agent's files and the machine's settings.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/attack/pen.h"

namespace hearth::attack {

struct MachineState {
  // In the pen, without zombies. An interpreter that waits for a script is as good as the next.
  std::multiset<std::string> processes;
  std::multiset<std::string> groups;
  std::map<std::string, std::multiset<std::string>> mounts;       // by process
  std::map<std::string, std::map<std::string, int>> descriptors;  // by process, then what they are
  std::map<std::string, std::string> settings;                    // /proc/sys
  std::set<std::string> files;  // of the agent, and names where temporary things are
  int id_ranges = 0;            // held by the agent
  std::int64_t resident_bytes = 0;

  // Of `hearth up` with its data in `data`. All jobs have ended.
  static MachineState of(const Pen& pen, pid_t hearth, const std::string& data);
};

// A sentence for each difference; none when `now` is as it was. Memory that `hearth` uses may grow
// up to a bound.
std::vector<std::string> differences(const MachineState& before, const MachineState& now);

}  // namespace hearth::attack
