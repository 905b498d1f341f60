// A group's files in a temporary folder, and a /proc beside them, as a kernel of each kind would
// show them: for figures that no machine gives on demand.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/cgroup/cgroup_driver.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {

class FakeGroups {
 public:
  FakeGroups() { std::filesystem::create_directory(proc_root()); }

  [[nodiscard]] std::string proc_root() const { return dir_.file("proc"); }

  // `file`: "memory/memory.stat" of a v1 group, "memory.stat" of a v2 one.
  void put(const std::string& file, const std::string& text) {
    const std::filesystem::path path = dir_.file(file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::trunc) << text;
  }
  void put_process(int pid, const std::string& file, const std::string& text) {
    put("proc/" + std::to_string(pid) + "/" + file, text);
  }
  void remove(const std::string& file) { std::filesystem::remove_all(dir_.file(file)); }

  [[nodiscard]] GroupFolders v2() const {
    const std::string at = dir_.path();
    return {.kind = Enforcement::V2,
            .memory = at,
            .pids = at,
            .cpu = at,
            .accounting = at,
            .membership = at,
            .io = at};
  }
  [[nodiscard]] GroupFolders v1() const {
    return {.kind = Enforcement::V1,
            .memory = dir_.file("memory"),
            .pids = dir_.file("pids"),
            .cpu = dir_.file("cpu"),
            .accounting = dir_.file("cpuacct"),
            .membership = dir_.file("freezer"),
            .io = dir_.file("blkio")};
  }
  [[nodiscard]] GroupFolders hybrid() const {
    GroupFolders folders = v1();
    folders.kind = Enforcement::Hybrid;
    folders.accounting = folders.membership = dir_.file("unified");
    folders.io.clear();
    return folders;
  }

 private:
  hearth::testing::TempDir dir_;
};

}  // namespace hearth::agent
