// What readers learn from /proc/PID of a worker's processes. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/probe/cgroup_parse.h"
#include "agent/probe/kept_file.h"
#include "agent/probe/worker_reader.h"

namespace hearth::agent {

// The I/O of a worker's processes together, for groups that do not count it. One that is waited for
// hands its figures to its parent, so the sum goes on; nullopt when one may not be read, or there
// are more of them than limits::kProbeProcessesMax.
class ProcessIo {
 public:
  explicit ProcessIo(ReadContext& context) : context_(context) {}
  std::optional<IoBytes> read(const std::vector<pid_t>& pids);

 private:
  ReadContext& context_;
  std::map<pid_t, KeptFile> files_;
};

// The model of a worker, from the command lines of its processes; the first one's goes first.
// Looked for until found, limits::kProbeModelLooksMax times at most: a wrapper may start the server
// late.
class ModelFinder {
 public:
  explicit ModelFinder(ReadContext& context) : context_(context) {}
  const std::optional<std::string>& look(pid_t first, const std::vector<pid_t>& pids);
  [[nodiscard]] bool is_done() const;

 private:
  bool look_at(pid_t pid);

  ReadContext& context_;
  int looks_ = 0;
  std::optional<std::string> model_;
};

// Since `target` started, or since its process `first` did.
std::optional<Duration> uptime_of(const ReadContext& context, const WorkerTarget& target,
                                  pid_t first);

}  // namespace hearth::agent
