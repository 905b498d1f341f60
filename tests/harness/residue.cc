#include "tests/harness/residue.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <sstream>

#include "base/clock.h"
#include "base/files.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch.h"

namespace hearth::harness {

namespace fs = std::filesystem;

namespace {

constexpr Duration kLookAgain{50};
const std::vector<std::string> kTemporaryPlaces = {"/tmp", "/var/tmp", "/dev/shm", "/run"};

struct DataDir {
  fs::path path;
  std::string instance;
  bool in_use = false;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Of agents, which have an instance.
std::vector<DataDir> agent_dirs(const fs::path& scratch) {
  std::vector<DataDir> found;
  const auto look_at = [&found](const fs::path& folder) {
    std::string instance = contents(folder / "instance");
    instance.erase(instance.find_last_not_of('\n') + 1);
    if (!instance.empty()) {
      const bool in_use = !FileLock::acquire((folder / "lock").string());
      found.push_back({.path = folder, .instance = instance, .in_use = in_use});
    }
  };
  std::error_code gone;
  for (fs::directory_iterator at(scratch, gone), end; !gone && at != end; at.increment(gone)) {
    look_at(at->path());
    look_at(at->path() / "agent");  // of `hearth up`
  }
  return found;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code gone;
  for (fs::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone)) {
    names.insert(at->path().filename().string());
  }
  return names;
}

std::set<std::string> mounts_with(const std::vector<std::string>& marks) {
  std::set<std::string> found;
  std::istringstream lines(contents("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    if (std::any_of(marks.begin(), marks.end(),
                    [&line](const std::string& mark) { return contains(line, mark); })) {
      found.insert(line);
    }
  }
  return found;
}

bool belongs(const fs::path& process, const std::string& scratch,
             const std::vector<DataDir>& agents) {
  std::error_code gone;
  if (contains(contents(process / "cmdline"), scratch) ||
      contains(contents(process / "environ"), scratch) ||
      contains(fs::read_symlink(process / "cwd", gone).string(), scratch)) {
    return true;
  }
  const std::string groups = contents(process / "cgroup");
  return std::any_of(agents.begin(), agents.end(), [&groups](const DataDir& agent) {
    return contains(groups, "hearth-" + agent.instance + "/");
  });
}

void find_processes(const std::string& scratch, const std::vector<DataDir>& agents,
                    const std::set<pid_t>& running, std::vector<std::string>& left) {
  each_process([&](pid_t pid, const fs::path& path) {
    const bool launcher =
        running.contains(parent_of(pid)) && contents(path / "comm") == "hearth-launcher\n";
    if (pid == ::getpid() || running.contains(pid) || launcher || state_of(pid) == 'Z') {
      return;
    }
    if (belongs(path, scratch, agents)) {
      std::string command = contents(path / "cmdline");
      std::replace(command.begin(), command.end(), '\0', ' ');
      left.push_back("process " + std::to_string(pid) + ": " + command);
    }
  });
}

bool is_empty_slot(const fs::path& group, const fs::path& instance_folder) {
  return group.parent_path() == instance_folder && group.filename().string().starts_with("slot-") &&
         contents(group / "cgroup.procs").empty();
}

void find_groups(const std::vector<DataDir>& agents, std::vector<std::string>& left) {
  each_folder("/sys/fs/cgroup", [&](const fs::path& folder) {
    for (const DataDir& agent : agents) {
      const std::string name = "hearth-" + agent.instance;
      if (folder.filename() == name && !agent.in_use) {
        left.push_back("group " + folder.string());
      }
      if (folder.filename() == name && agent.in_use) {
        each_folder(folder, [&](const fs::path& group) {
          if (!is_empty_slot(group, folder)) {
            left.push_back("group " + group.string());
          }
        });
      }
    }
  });
}

// Of attempts only the folders that wait for the next one may be there, with nothing in them.
void find_attempt_files(const DataDir& agent, std::vector<std::string>& left) {
  for (const std::string& name : names_in(agent.path / "attempts")) {
    const fs::path folder = agent.path / "attempts" / name;
    const auto inside = names_in(folder);
    const bool kept = agent.in_use && std::all_of(inside.begin(), inside.end(),
                                                  [](const auto& in) { return in == ".tmp"; });
    if (!kept || !names_in(folder / ".tmp").empty()) {
      left.push_back("folder of an attempt " + folder.string());
    }
  }
  for (const std::string& name : names_in(agent.path / "spool")) {
    left.push_back("spooled output " + (agent.path / "spool" / name).string());
  }
}

bool is_data_dir(const fs::path& path) {
  return fs::exists(path / "lock");
}

}  // namespace

Residue::Residue(std::string scratch)
    : scratch_((fs::path(scratch) / "x").parent_path()),
      names_before_(names_in(scratch_)),
      mounts_before_(mounts_with({scratch_})) {}

std::vector<std::string> Residue::look(const std::set<pid_t>& running) const {
  std::vector<std::string> left;
  const auto agents = agent_dirs(scratch_);
  std::vector<std::string> marks = {scratch_};
  find_processes(scratch_, agents, running, left);
  find_groups(agents, left);
  for (const DataDir& agent : agents) {
    marks.push_back(agent.instance);
    find_attempt_files(agent, left);
    for (const std::string& place : kTemporaryPlaces) {
      for (const std::string& name : names_in(place)) {
        if (contains(name, agent.instance)) {
          left.push_back("file " + place + "/" + name);
        }
      }
    }
  }
  for (const std::string& name : names_in(scratch_)) {
    if (!names_before_.contains(name) && !Scratch::is_log(name) &&
        !is_data_dir(fs::path(scratch_) / name)) {
      left.push_back("file " + scratch_ + "/" + name);
    }
  }
  std::error_code gone;
  for (fs::recursive_directory_iterator at(scratch_, gone), end; !gone && at != end;
       at.increment(gone)) {
    if (at->path().extension() == ".tmp") {
      left.push_back("half-written file " + at->path().string());
    }
  }
  for (const std::string& mount : mounts_with(marks)) {
    if (!mounts_before_.contains(mount)) {
      left.push_back("mount " + mount);
    }
  }
  return left;
}

std::vector<std::string> Residue::left(const std::set<pid_t>& running, Duration patience) const {
  SystemClock clock;
  const std::int64_t deadline_ns =
      clock.monotonic_ns() + std::chrono::nanoseconds(patience).count();
  for (;;) {
    auto found = look(running);
    if (found.empty() || clock.monotonic_ns() > deadline_ns) {
      return found;
    }
    ::poll(nullptr, 0, static_cast<int>(kLookAgain.count()));
  }
}

}  // namespace hearth::harness
