// Looks at the processes and control groups of this machine, where neighbours come and go.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/unique_fd.h"

namespace hearth::harness {

// "" when it cannot be read.
std::string contents(const std::filesystem::path& path);
// With its folder in /proc.
void each_process(const std::function<void(pid_t, const std::filesystem::path&)>& visit);
// All folders below `top`, links not followed.
void each_folder(const std::filesystem::path& top,
                 const std::function<void(const std::filesystem::path&)>& visit);
// From /proc/PID/stat; 0 when it is gone.
pid_t parent_of(pid_t pid);
// The folders of hearth's groups that it is in, in all hierarchies.
std::vector<std::string> groups_of(pid_t pid);
// 'R', 'T', 'Z' and so on; 0 when it is gone.
char state_of(pid_t pid);
// The launchers of an agent (or of `hearth up`): usually one.
std::vector<pid_t> launchers_of(pid_t agent);

// A process held by its descriptor, so that another with the same pid is never taken for it.
struct Watched {
  pid_t pid = 0;
  UniqueFd fd;
};

// Fails the test when it is gone already.
Watched watch(pid_t pid);
bool ends(const Watched& watched, Duration patience = std::chrono::seconds(20));

}  // namespace hearth::harness
