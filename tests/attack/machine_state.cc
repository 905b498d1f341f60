#include "tests/attack/machine_state.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "base/limits.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

namespace fs = std::filesystem;

namespace {

using harness::contents;

// Of hearth with all that a hostile job can make it keep.
constexpr std::int64_t kResidentBytesMax = 300 * limits::kMiB;
constexpr std::array kSettings = {"/proc/sys/kernel", "/proc/sys/fs", "/proc/sys/vm"};
// Counters, and what the kernel changes by itself.
constexpr std::array kVolatile = {
    "/random/",         "/fs/dentry-state",     "/fs/file-nr",  "/fs/inode-",
    "/fs/aio-nr",       "/kernel/pty/nr",       "/ns_last_pid", "/perf_event_max_sample_rate",
    "/vm/stat_refresh", "/kernel/perf_cpu_time"};
constexpr std::string_view kSlot = "/slot-";
constexpr std::array kTemporaryPlaces = {"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run"};

std::string folder_of(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

std::multiset<std::string> lines_of(const std::string& path) {
  std::multiset<std::string> all;
  std::istringstream lines(contents(path));
  for (std::string line; std::getline(lines, line);) {
    all.insert(line);
  }
  return all;
}

// "…/slot-12" is "…/slot-": which of the groups that serve once it is says nothing.
std::string without_slot(const std::string& group) {
  const std::size_t at = group.rfind(kSlot);
  return at == std::string::npos ? group : group.substr(0, at + kSlot.size());
}

// A script keeps the group of the interpreter that waited for it: one that is left is one too many.
std::string name_of(pid_t pid) {
  const bool serves_once = contents(folder_of(pid) + "/cgroup").find(kSlot) != std::string::npos;
  std::string command = contents(folder_of(pid) + "/cmdline");
  std::replace(command.begin(), command.end(), '\0', ' ');
  return (serves_once ? "of a job" : std::to_string(pid)) + ": " + command;
}

// "socket:[123]" is "socket:": which one it is says nothing. A sandbox's scratch is named by where
// the sandbox has it, which differs with how it was made.
std::string kind_of(const std::string& target) {
  if (target == "/work") {
    return "/";
  }
  const std::size_t bracket = target.find(":[");
  return target.starts_with("/proc/") ? target.substr(target.rfind('/'))
                                      : target.substr(0, bracket);
}

// Without the files of the data directory, which has its own rules, and without what a launcher
// keeps ready for sandboxes to come.
std::map<std::string, int> descriptors_of(pid_t pid, const std::string& data) {
  std::map<std::string, int> found;
  std::error_code gone;
  for (fs::directory_iterator at(folder_of(pid) + "/fd", gone), end; !gone && at != end;
       at.increment(gone)) {
    std::error_code closed;
    const std::string target = fs::read_symlink(at->path(), closed).string();
    if (!closed && !target.starts_with(data) && !target.starts_with("net:[") &&
        !target.starts_with("mnt:[")) {
      ++found[kind_of(target)];
    }
  }
  return found;
}

void add_settings(const fs::path& folder, std::map<std::string, std::string>& found) {
  std::error_code gone;
  for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
    const std::string path = at->path().string();
    if (at->is_directory(gone)) {
      add_settings(at->path(), found);
    } else if (std::none_of(kVolatile.begin(), kVolatile.end(), [&path](const char* part) {
                 return path.find(part) != std::string::npos;
               })) {
      found[path] = contents(path);
    }
  }
}

// Of a line of /proc/PID/fdinfo, whose last words are the first and the last: the kernel shows
// locks that touch as one.
int locked_bytes(const std::string& line) {
  const std::size_t last = line.rfind(' ');
  const std::size_t first = line.rfind(' ', last - 1);
  return std::stoi(line.substr(last)) - std::stoi(line.substr(first)) + 1;
}

// The ranges of ids that are locked, a byte each, by descriptors of `pid`.
int id_ranges_of(pid_t pid) {
  int found = 0;
  std::error_code gone;
  for (fs::directory_iterator at(folder_of(pid) + "/fd", gone), end; !gone && at != end;
       at.increment(gone)) {
    std::error_code closed;
    if (fs::read_symlink(at->path(), closed).string().find("sandbox-ids") == std::string::npos) {
      continue;
    }
    for (const std::string& line :
         lines_of(folder_of(pid) + "/fdinfo/" + at->path().filename().string())) {
      found += line.find("OFDLCK") == std::string::npos ? 0 : locked_bytes(line);
    }
  }
  return found;
}

std::int64_t resident_bytes_of(pid_t pid) {
  const std::string status = contents(folder_of(pid) + "/status");
  const std::size_t at = status.find("VmRSS:");
  return at == std::string::npos ? 0 : std::stoll(status.substr(at + 6)) * limits::kKiB;
}

std::set<std::string> files_of(const std::string& data) {
  std::set<std::string> found;
  std::error_code gone;
  for (fs::recursive_directory_iterator at(data + "/agent", gone), end; !gone && at != end;
       at.increment(gone)) {
    found.insert(at->path().string());
  }
  std::string instance = contents(data + "/agent/instance");
  instance.erase(instance.find_last_not_of('\n') + 1);
  for (const char* place : kTemporaryPlaces) {
    for (fs::directory_iterator at(place, gone), end; !gone && at != end; at.increment(gone)) {
      if (const std::string name = at->path().filename().string();
          name.find("attack") != std::string::npos ||
          (!instance.empty() && name.find(instance) != std::string::npos)) {
        found.insert(at->path().string());
      }
    }
  }
  return found;
}

template <class Items>
void compare(const std::string& what, const Items& before, const Items& now,
             std::vector<std::string>& found) {
  std::vector<typename Items::value_type> changed;
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                      std::back_inserter(changed));
  for (const auto& item : changed) {
    std::ostringstream text;
    text << what << " that was not there: " << item;
    found.push_back(text.str());
  }
  changed.clear();
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                      std::back_inserter(changed));
  for (const auto& item : changed) {
    std::ostringstream text;
    text << what << " that is gone: " << item;
    found.push_back(text.str());
  }
}

void compare_settings(const MachineState& before, const MachineState& now,
                      std::vector<std::string>& found) {
  for (const auto& [path, value] : now.settings) {
    if (const auto was = before.settings.find(path);
        was == before.settings.end() || was->second != value) {
      found.push_back("setting " + path + " is " + value + ", it was " +
                      (was == before.settings.end() ? "absent" : was->second));
    }
  }
}

}  // namespace

MachineState MachineState::of(const Pen& pen, pid_t hearth, const std::string& data) {
  MachineState state;
  for (const pid_t pid : pen.processes()) {
    if (const char letter = harness::state_of(pid); letter != 'Z' && letter != '\0') {
      state.processes.insert(name_of(pid));
    }
  }
  for (const std::string& group : pen.groups()) {
    state.groups.insert(without_slot(group));
  }
  std::map<std::string, pid_t> watched = {{"the test", ::getpid()}, {"hearth", hearth}};
  for (const pid_t launcher : harness::launchers_of(hearth)) {
    watched["the launcher"] = launcher;
  }
  for (const auto& [name, pid] : watched) {
    state.mounts[name] = lines_of(folder_of(pid) + "/mountinfo");
    if (name != "the test") {
      state.descriptors[name] = descriptors_of(pid, data);
    }
  }
  for (const char* folder : kSettings) {
    add_settings(folder, state.settings);
  }
  state.files = files_of(data);
  state.id_ranges = id_ranges_of(hearth);
  state.resident_bytes = resident_bytes_of(hearth);
  return state;
}

std::vector<std::string> differences(const MachineState& before, const MachineState& now) {
  std::vector<std::string> found;
  compare("process", before.processes, now.processes, found);
  compare("group", before.groups, now.groups, found);
  compare("file", before.files, now.files, found);
  for (const auto& [name, mounts] : before.mounts) {
    const auto later = now.mounts.find(name);
    compare("mount of " + name, mounts,
            later == now.mounts.end() ? std::multiset<std::string>() : later->second, found);
  }
  for (const auto& [name, kinds] : now.descriptors) {
    const auto was = before.descriptors.find(name);
    for (const auto& [kind, count] : kinds) {
      const auto counted = was == before.descriptors.end() ? kinds.end() : was->second.find(kind);
      const int before_count =
          was == before.descriptors.end() || counted == was->second.end() ? 0 : counted->second;
      if (count > before_count) {
        found.push_back("descriptors of " + name + ": " + std::to_string(count) + " " + kind +
                        ", there were " + std::to_string(before_count));
      }
    }
  }
  compare_settings(before, now, found);
  if (now.id_ranges != before.id_ranges) {
    found.push_back("ranges of ids held: " + std::to_string(now.id_ranges));
  }
  if (now.resident_bytes > kResidentBytesMax) {
    found.push_back("hearth uses " + std::to_string(now.resident_bytes) + " bytes of memory");
  }
  return found;
}

}  // namespace hearth::attack
