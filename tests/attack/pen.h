// Where hostile jobs are kept: control groups and a mount namespace around this process and all
// that it starts, so that a sandbox that does not hold harms nobody else on the machine, and so
// that all that belongs to a test can be told from what is its neighbours'.
#pragma once

#include <sys/types.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::attack {

class Pen {
 public:
  // Groups below this process's own, with limits of memory and processes together for all in it; a
  // mount namespace whose mounts are nobody else's, but shared within it, as a machine's are; and
  // an empty folder in memory at shown().
  static Result<std::unique_ptr<Pen>> make();
  // Leaves the groups and takes them away. What is in them has been ended.
  ~Pen();
  Pen(const Pen&) = delete;
  Pen& operator=(const Pen&) = delete;

  // For sandboxes to see; not below /tmp or /work, which are theirs.
  [[nodiscard]] static const std::string& shown();

  // Of all in the pen, this one too: a process without rights cannot leave its groups.
  [[nodiscard]] std::set<pid_t> processes() const;
  // Folders below those of the pen, in all hierarchies.
  [[nodiscard]] std::set<std::string> groups() const;

 private:
  struct Place {
    std::string outside;  // this process's group before
    std::string inside;
  };
  Pen() = default;
  Result<> enter_groups();
  Result<> enter_mounts();
  void leave_mounts() const;

  std::vector<Place> places_;
  std::string pids_;  // the one of `places_` by which processes are told
  bool has_mounts_ = false;
};

}  // namespace hearth::attack
