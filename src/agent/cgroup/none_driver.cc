#include "agent/cgroup/none_driver.h"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <map>
#include <string_view>

#include "agent/cgroup/group_folders.h"

namespace hearth::agent {
namespace {

constexpr int kKillPassesMax = 50;
constexpr int kSweepRounds = 200;
constexpr Duration kSweepRoundWait{25};

struct Process {
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::string mark;  // of the group it was started in, or ""
};

std::string mark_prefix(const std::string& instance) {
  return instance_folder(instance) + "/";
}

// The fields of /proc/PID/stat after the name, which may hold anything: state, ppid, pgrp, session.
bool parse_stat(std::string_view text, Process& process) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || text.size() < name_end + 4) {
    return false;
  }
  const char state = text[name_end + 2];
  const char* next = text.data() + name_end + 4;
  const char* const end = text.data() + text.size();
  for (pid_t* field : {&process.parent, &process.group, &process.session}) {
    const auto parsed = std::from_chars(next, end, *field);
    if (parsed.ec != std::errc()) {
      return false;
    }
    next = parsed.ptr + 1;
  }
  return state != 'Z' && state != 'X';
}

std::string mark_in(std::string_view environment) {
  while (!environment.empty()) {
    const std::size_t end = std::min(environment.find('\0'), environment.size());
    if (environment.starts_with(kGroupMarkName) && environment.size() > kGroupMarkName.size() &&
        environment[kGroupMarkName.size()] == '=') {
      const std::size_t value = kGroupMarkName.size() + 1;
      return std::string(environment.substr(value, end - value));
    }
    environment.remove_prefix(std::min(end + 1, environment.size()));
  }
  return "";
}

std::map<pid_t, Process> read_processes() {
  std::map<pid_t, Process> processes;
  KernelCgroupFs fs;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) {
    return processes;
  }
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
            name.data() + name.size() ||
        pid <= 1 || pid == getpid()) {
      continue;
    }
    const std::string path = "/proc/" + std::string(name);
    const auto stat = fs.read(path + "/stat");
    Process process;
    if (!stat || !parse_stat(*stat, process)) {
      continue;
    }
    if (const auto environment = fs.read(path + "/environ")) {
      process.mark = mark_in(*environment);
    }
    processes.emplace(pid, std::move(process));
  }
  closedir(folder);
  return processes;
}

class NoneHandle final : public CgroupHandle {
 public:
  NoneHandle(std::string name, std::string mark) : name_(std::move(name)), mark_(std::move(mark)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<std::string> join_paths() const override { return {}; }
  [[nodiscard]] std::vector<std::string> env_marks() const override {
    return {std::string(kGroupMarkName) + "=" + mark_};
  }
  void set_leader(pid_t leader) override { leader_ = leader; }

  Result<> raise_limits(const GroupLimits& /*limits*/) override { return {}; }
  Result<GroupUsage> usage() override {
    GroupUsage usage;
    usage.pids = std::ssize(members());
    return usage;
  }

  Result<std::vector<pid_t>> pids() override {
    std::vector<pid_t> result;
    for (const auto& [pid, process] : members()) {
      result.push_back(pid);
    }
    return result;
  }

  Result<bool> empty() override { return members().empty(); }

  // By process group: the kernel signals its members in one step, so that one that forks meanwhile
  // does not get away. Passes go on until one finds nobody new; the caller repeats until empty.
  Result<> kill_all() override {
    std::set<pid_t> signalled;
    for (int pass = 0; pass < kKillPassesMax; ++pass) {
      const std::size_t before = signalled.size();
      for (const auto& [pid, process] : members()) {
        signalled.insert(pid);
        if (process.group > 1) {
          kill(-process.group, SIGKILL);
        }
        kill(pid, SIGKILL);
      }
      if (signalled.size() == before) {
        break;
      }
    }
    return {};
  }

  Result<> remove() override {
    if (!members().empty()) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "group " + name_ + " still has processes"};
    }
    return {};
  }

 private:
  [[nodiscard]] std::map<pid_t, Process> members() const {
    std::map<pid_t, Process> others = read_processes();
    std::map<pid_t, Process> found;
    const auto take_if = [&](const auto& belongs) {
      for (auto next = others.begin(); next != others.end();) {
        const auto current = next++;
        if (belongs(current->second)) {
          found.insert(others.extract(current));
        }
      }
    };
    take_if([&](const Process& process) {
      return process.mark == mark_ || (leader_ > 0 && process.session == leader_);
    });
    for (std::size_t before = 0; before != found.size();) {
      before = found.size();
      take_if([&](const Process& process) { return found.contains(process.parent); });
    }
    return found;
  }

  std::string name_;
  std::string mark_;
  pid_t leader_ = 0;
};

}  // namespace

NoneDriver::NoneDriver(std::string instance) : instance_(std::move(instance)) {}

Result<std::unique_ptr<CgroupHandle>> NoneDriver::create(const std::string& name,
                                                         const GroupLimits& limits) {
  HEARTH_TRY(check_group_name(name));
  HEARTH_TRY(check_limits(limits));
  return std::unique_ptr<CgroupHandle>(new NoneHandle(name, mark_prefix(instance_) + name));
}

Result<int> NoneDriver::sweep() {
  const std::string prefix = mark_prefix(instance_);
  std::set<std::string> swept;
  for (int round = 0; round < kSweepRounds; ++round) {
    std::vector<pid_t> left;
    for (const auto& [pid, process] : read_processes()) {
      if (process.mark.starts_with(prefix)) {
        swept.insert(process.mark);
        left.push_back(pid);
      }
    }
    if (left.empty()) {
      return static_cast<int>(swept.size());
    }
    for (const std::string& mark : swept) {
      NoneHandle leftover(mark.substr(prefix.size()), mark);
      HEARTH_TRY(leftover.kill_all());
    }
    wait_for_an_end(left, kSweepRoundWait);
  }
  return Error{.code = ErrorCode::DeadlineExceeded,
               .message = "processes left by this agent's predecessor do not die"};
}

}  // namespace hearth::agent
