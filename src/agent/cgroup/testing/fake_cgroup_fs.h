// A v2 hierarchy in memory, with the kernel's rules that the driver depends on: files appear with
// their folder and by the parent's enabled controllers, a folder with processes can enable cpu and
// pids only and nothing more after that, one with folders or processes cannot be removed.
#pragma once

#include <cerrno>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/cgroup/cgroup_fs.h"

namespace hearth::agent {

// What the hierarchy holds, shared with the test: the driver owns the CgroupFs itself.
struct FakeHierarchy {
  std::map<std::string, std::map<std::string, std::string>> groups;  // path -> file -> content
  std::vector<std::pair<std::string, std::string>> writes;           // path, text
  std::map<std::string, int> write_errors;                           // by file name
  std::set<std::string> held;                                        // erased by the test
  std::map<std::string, Duration> ages;                              // by path; 0 unless set
  std::function<void(const std::string&)> after_make;                // with the path
  bool has_kill = true;
  bool has_swap = true;
};

class FakeCgroupFs final : public CgroupFs {
 public:
  static constexpr std::string_view kAgentLine = "1000\n";

  explicit FakeCgroupFs(FakeHierarchy& hierarchy) : at_(hierarchy) {}

  // The top of the hierarchy, as mounted.
  static void mount(FakeHierarchy& hierarchy, const std::string& path,
                    const std::string& controllers) {
    hierarchy.groups[path] = {{"cgroup.controllers", controllers + "\n"},
                              {"cgroup.subtree_control", "\n"},
                              {"cgroup.procs", ""},
                              {"cgroup.events", "populated 0\nfrozen 0\n"}};
  }

  Result<> make(const std::string& path) override {
    if (at_.groups.contains(path)) {
      return cgroup_error("make " + path, EEXIST);
    }
    const auto parent = at_.groups.find(parent_of(path));
    if (parent == at_.groups.end()) {
      return cgroup_error("make " + path, ENOENT);
    }
    const std::string enabled = parent->second["cgroup.subtree_control"];
    auto& files = at_.groups[path];
    mount(at_, path, enabled.substr(0, enabled.find('\n')));
    files["cpu.stat"] = "usage_usec 0\n";
    if (at_.has_kill) {
      files["cgroup.kill"] = "";
    }
    const std::vector<std::pair<std::string, std::vector<std::string>>> by_controller = {
        {"cpu", {"cpu.max", "cpu.weight"}},
        {"memory", {"memory.max", "memory.oom.group", "memory.events", "memory.current"}},
        {"pids", {"pids.max", "pids.current"}}};
    for (const auto& [controller, names] : by_controller) {
      if (enabled.find(controller) == std::string::npos) {
        continue;
      }
      for (const std::string& name : names) {
        files[name] = "0\n";
      }
      if (controller == "memory" && at_.has_swap) {
        files["memory.swap.max"] = "max\n";
      }
    }
    if (at_.after_make) {
      at_.after_make(path);
    }
    return {};
  }

  Result<> remove(const std::string& path) override {
    if (!at_.groups.contains(path)) {
      return cgroup_error("remove " + path, ENOENT);
    }
    if (!folders(path)->empty() || !at_.groups[path]["cgroup.procs"].empty()) {
      return cgroup_error("remove " + path, EBUSY);
    }
    at_.groups.erase(path);
    at_.ages.erase(path);
    return {};
  }

  Result<> write(const std::string& path, std::string_view text) override {
    const auto group = at_.groups.find(parent_of(path));
    const std::string name = path.substr(path.rfind('/') + 1);
    if (group == at_.groups.end() || !group->second.contains(name)) {
      return cgroup_error("write " + path, ENOENT);
    }
    if (const auto error = at_.write_errors.find(name); error != at_.write_errors.end()) {
      return cgroup_error("write " + path, error->second);
    }
    if (name == "cgroup.subtree_control") {
      std::string& enabled = group->second[name];
      if (const int refused = why_not_enabled(group->second, text); refused != 0) {
        return cgroup_error("write " + path, refused);
      }
      enabled = enabled.substr(0, enabled.find('\n'));
      for (const char letter : " " + std::string(text)) {
        enabled += letter == '+' ? "" : std::string(1, letter);
      }
      enabled += "\n";
    } else if (name == "cgroup.procs") {
      // "0" is the agent, whose pid here is 1000.
      for (auto& [other, files] : at_.groups) {
        std::string& pids = files["cgroup.procs"];
        if (const std::size_t at = pids.find(kAgentLine); at != std::string::npos) {
          pids.erase(at, kAgentLine.size());
        }
      }
      group->second["cgroup.procs"] += kAgentLine;
    } else {
      group->second[name] = text;
    }
    at_.writes.emplace_back(path, text);
    return {};
  }

  Result<std::string> read(const std::string& path) override {
    const auto group = at_.groups.find(parent_of(path));
    const std::string name = path.substr(path.rfind('/') + 1);
    if (group == at_.groups.end() || !group->second.contains(name)) {
      return cgroup_error("read " + path, ENOENT);
    }
    return group->second[name];
  }

  Result<std::vector<std::string>> folders(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [other, files] : at_.groups) {
      if (parent_of(other) == path) {
        names.push_back(other.substr(path.size() + 1));
      }
    }
    return names;
  }

  Result<bool> has_folders(const std::string& path) override { return !folders(path)->empty(); }

  bool exists(const std::string& path) override {
    return at_.groups.contains(path) || read(path).has_value();
  }

  Result<UniqueFd> hold(const std::string& path) override {
    at_.held.insert(path);
    return UniqueFd();
  }
  bool is_held(const std::string& path) override { return at_.held.contains(path); }
  Result<Duration> age(const std::string& path) override {
    const auto set = at_.ages.find(path);
    return set == at_.ages.end() ? Duration::zero() : set->second;
  }

 private:
  // All of `text` or nothing, as the kernel.
  static int why_not_enabled(const std::map<std::string, std::string>& files,
                             std::string_view text) {
    if (files.at("cgroup.procs").empty() || (text.find("memory") == std::string_view::npos &&
                                             text.find("io") == std::string_view::npos)) {
      return 0;
    }
    const std::string& enabled = files.at("cgroup.subtree_control");
    const bool is_thread_root =
        enabled.find("cpu") != std::string::npos || enabled.find("pids") != std::string::npos;
    return is_thread_root ? EOPNOTSUPP : EBUSY;
  }
  static std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

  FakeHierarchy& at_;
};

}  // namespace hearth::agent
