#include "agent/probe/process_table.h"

#include <dirent.h>

#include <charconv>
#include <set>
#include <utility>

#include "agent/cgroup/none_driver.h"
#include "agent/probe/kept_file.h"

namespace hearth::agent {
namespace {

pid_t pid_named(std::string_view name) {
  pid_t pid = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
  return parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() ? pid : 0;
}

bool has_ended(const ProcessStat& stat) {
  return stat.state == 'Z' || stat.state == 'X';
}

}  // namespace

void ProcessTable::scan() {
  std::map<pid_t, ProcessEntry> seen;
  children_.clear();
  DIR* folder = opendir(proc_root_.c_str());
  if (folder == nullptr) {
    entries_.clear();
    return;
  }
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = pid_named(entry->d_name);
    if (pid <= 1) {
      continue;
    }
    const std::string path = proc_root_ + "/" + entry->d_name;
    const auto stat = parse_process_stat(read_once(path + "/stat", buffer_));
    if (!stat || has_ended(*stat)) {
      continue;
    }
    ProcessEntry found{.stat = *stat, .mark = {}};
    const auto before = entries_.find(pid);
    if (before != entries_.end() && before->second.stat.start_ticks == stat->start_ticks) {
      found.mark = std::move(before->second.mark);
    } else {
      found.mark = variable_in(read_once(path + "/environ", buffer_), kGroupMarkName);
    }
    children_.emplace(stat->parent, pid);
    seen.emplace(pid, std::move(found));
  }
  closedir(folder);
  entries_ = std::move(seen);
}

std::vector<pid_t> ProcessTable::members_of(pid_t leader, std::string_view mark) {
  if (!is_fresh_) {
    scan();
    is_fresh_ = true;
  }
  std::set<pid_t> members;
  std::vector<pid_t> to_follow;
  const auto take = [&](pid_t pid) {
    if (members.insert(pid).second) {
      to_follow.push_back(pid);
    }
  };
  for (const auto& [pid, entry] : entries_) {
    const bool in_session = leader > 0 && (pid == leader || entry.stat.session == leader);
    if (in_session || (!mark.empty() && entry.mark == mark)) {
      take(pid);
    }
  }
  while (!to_follow.empty()) {
    const auto [first, last] = children_.equal_range(to_follow.back());
    to_follow.pop_back();
    for (auto child = first; child != last; ++child) {
      take(child->second);
    }
  }
  return {members.begin(), members.end()};
}

const ProcessEntry* ProcessTable::find(pid_t pid) const {
  const auto found = entries_.find(pid);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace hearth::agent
