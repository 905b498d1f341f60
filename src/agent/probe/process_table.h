// All processes of the machine in one pass over /proc, for workers that no group holds together.
//
// Made once for a collection, not once for a worker; an environment is read when its process is
// first seen. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probe/process_parse.h"

namespace hearth::agent {

struct ProcessEntry {
  ProcessStat stat;
  std::string mark;  // the value of kGroupMarkName in its environment, or ""
};

class ProcessTable {
 public:
  ProcessTable(std::string proc_root, std::span<char> buffer)
      : proc_root_(std::move(proc_root)), buffer_(buffer) {}

  // Forgets the pass before; the next members_of() makes another.
  void expire() { is_fresh_ = false; }

  // The session of `leader`, what carries `mark`, and all that descends from these.
  std::vector<pid_t> members_of(pid_t leader, std::string_view mark);
  [[nodiscard]] const ProcessEntry* find(pid_t pid) const;

 private:
  void scan();

  std::string proc_root_;
  std::span<char> buffer_;
  bool is_fresh_ = false;
  std::map<pid_t, ProcessEntry> entries_;
  std::multimap<pid_t, pid_t> children_;  // by parent
};

}  // namespace hearth::agent
