#include "agent/launcher/helper/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace hearth::agent::helper {
namespace {

constexpr int kStopPassesMax = 20;

struct ProcessLine {
  pid_t parent = 0;
  bool zombie = false;
};

bool read_stat(const std::string& pid, ProcessLine& line) {
  const int fd = open(("/proc/" + pid + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  std::array<char, 512> buffer{};
  const ssize_t got = read(fd, buffer.data(), buffer.size() - 1);
  close(fd);
  const std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  const std::size_t name_end = text.rfind(')');  // the name itself may hold anything
  if (name_end == std::string::npos || name_end + 4 >= text.size()) {
    return false;
  }
  line.zombie = text[name_end + 2] == 'Z' || text[name_end + 2] == 'X';
  line.parent = static_cast<pid_t>(std::strtol(text.c_str() + name_end + 4, nullptr, 10));
  return true;
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t root) {
  std::unordered_map<pid_t, ProcessLine> lines;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) {
    return {};
  }
  while (const dirent* entry = readdir(proc)) {
    ProcessLine line;
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && read_stat(entry->d_name, line)) {
      lines.emplace(static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)), line);
    }
  }
  closedir(proc);

  std::vector<pid_t> result;
  for (const auto& [pid, line] : lines) {
    pid_t ancestor = line.parent;
    // A walk that is not atomic could show a cycle after a pid was used again: it is bounded.
    for (std::size_t depth = 0; depth <= lines.size() && ancestor != root; ++depth) {
      const auto parent = lines.find(ancestor);
      if (parent == lines.end()) {
        break;
      }
      ancestor = parent->second.parent;
    }
    if (ancestor == root && pid != root && !line.zombie) {
      result.push_back(pid);
    }
  }
  return result;
}

int kill_descendants(pid_t root) {
  std::unordered_set<pid_t> stopped;
  std::vector<pid_t> found;
  bool grew = true;
  // Stopping first: a stopped process forks no more, so that even a fork bomb is caught up with.
  for (int pass = 0; grew && pass < kStopPassesMax; ++pass) {
    grew = false;
    found = descendants_of(root);
    for (const pid_t pid : found) {
      if (stopped.insert(pid).second) {
        kill(pid, SIGSTOP);
        grew = true;
      }
    }
  }
  for (const pid_t pid : found) {
    kill(pid, SIGKILL);
  }
  return static_cast<int>(found.size());
}

}  // namespace hearth::agent::helper
