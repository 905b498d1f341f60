// What an administrator, or a program that tidies up groups, may do to a group that is not theirs.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace hearth::agent::testing {

enum class Fate { Emptied, Removed };

// Moves the processes of the group at `folder` to the top of its hierarchy and, if asked, removes
// it. False when that does not come about within seconds.
inline bool take_out(const std::string& folder, Fate fate) {
  std::filesystem::path top = folder;
  while (std::filesystem::exists(top.parent_path() / "cgroup.procs")) {
    top = top.parent_path();
  }
  for (int left = 5'000; left > 0; --left) {
    bool is_empty = true;
    std::ifstream listed(folder + "/cgroup.procs");
    for (std::string pid; std::getline(listed, pid);) {
      is_empty = false;
      std::ofstream(top / "cgroup.procs") << pid << std::flush;
    }
    if (fate == Fate::Emptied && is_empty) {
      return true;
    }
    if (fate == Fate::Removed && is_empty) {
      ::rmdir(folder.c_str());
      if (!std::filesystem::exists(folder)) {
        return true;
      }
    }
    ::poll(nullptr, 0, 1);  // the kernel lets go of a group a moment after its last process
  }
  return false;
}

}  // namespace hearth::agent::testing
