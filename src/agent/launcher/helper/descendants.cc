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

constexpr int kKillPassesMax = 20;

struct ProcessLine {
  pid_t parent = 0;
  pid_t group = 0;
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
  char* next = nullptr;
  line.parent = static_cast<pid_t>(std::strtol(text.c_str() + name_end + 4, &next, 10));
  line.group = static_cast<pid_t>(std::strtol(next, nullptr, 10));
  return true;
}

// Below `root`, without `root` and without zombies.
std::unordered_map<pid_t, ProcessLine> descendants_of(pid_t root) {
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

  std::unordered_map<pid_t, ProcessLine> result;
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
      result.emplace(pid, line);
    }
  }
  return result;
}

}  // namespace

void kill_descendants(pid_t root) {
  const pid_t own_group = getpgrp();
  std::unordered_set<pid_t> signalled;
  for (int pass = 0; pass < kKillPassesMax; ++pass) {
    const std::size_t before = signalled.size();
    const auto found = descendants_of(root);
    for (const auto& [pid, line] : found) {
      signalled.insert(pid);
      if (line.group > 1 && line.group != own_group) {
        kill(-line.group, SIGKILL);
      }
      kill(pid, SIGKILL);
    }
    if (signalled.size() == before) {
      break;
    }
  }
}

}  // namespace hearth::agent::helper
