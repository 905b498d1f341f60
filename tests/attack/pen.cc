#include "tests/attack/pen.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/cgroup/cgroup_mounts.h"
#include "base/limits.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMemoryBytes = 1 * limits::kGiB;
constexpr std::int64_t kProcesses = 400;
constexpr int kRemovals = 200;
constexpr int kRemovalMs = 10;

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  return file.good();
}

Error failed(const std::string& what) {
  return system_error(what, errno);
}

// From the innermost. The kernel lets go of a group a moment after its last process.
void remove_groups(const std::string& folder) {
  std::vector<std::string> all = {folder};
  harness::each_folder(folder, [&all](const fs::path& path) { all.push_back(path.string()); });
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    for (int i = 0; i < kRemovals && ::rmdir(path->c_str()) != 0 && errno == EBUSY; ++i) {
      ::poll(nullptr, 0, kRemovalMs);
    }
  }
}

}  // namespace

const std::string& Pen::shown() {
  static const std::string place = "/srv";
  return place;
}

Result<std::unique_ptr<Pen>> Pen::make() {
  std::unique_ptr<Pen> pen(new Pen());
  HEARTH_TRY(pen->enter_groups());
  HEARTH_TRY(pen->enter_mounts());
  return pen;
}

Result<> Pen::enter_groups() {
  HEARTH_ASSIGN(const agent::CgroupMounts mounts, agent::read_cgroup_mounts());
  std::vector<agent::Hierarchy> all;
  for (const char* controller : {"memory", "pids", "cpu", "cpuacct", "freezer"}) {
    const auto found = mounts.v1.find(controller);
    if (found == mounts.v1.end()) {
      return Error{.code = ErrorCode::Unimplemented,
                   .message = std::string("there is no cgroup v1 hierarchy of ") + controller};
    }
    all.push_back(found->second);
  }
  if (mounts.v2) {
    all.push_back(*mounts.v2);
  }
  const std::string name = "/attack-" + std::to_string(::getpid());
  for (const agent::Hierarchy& hierarchy : all) {
    const Place place{.outside = hierarchy.mount + hierarchy.own,
                      .inside = hierarchy.mount + hierarchy.own + name};
    if (::mkdir(place.inside.c_str(), 0755) != 0 && errno != EEXIST) {
      return failed("make the group " + place.inside);
    }
    places_.push_back(place);
  }
  pids_ = places_[1].inside;
  if (!write_file(places_[0].inside + "/memory.limit_in_bytes", std::to_string(kMemoryBytes)) ||
      !write_file(pids_ + "/pids.max", std::to_string(kProcesses))) {
    return failed("limit the group " + pids_);
  }
  for (const Place& place : places_) {
    if (!write_file(place.inside + "/cgroup.procs", std::to_string(::getpid()))) {
      return failed("enter the group " + place.inside);
    }
  }
  return {};
}

Result<> Pen::enter_mounts() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0) {
    return failed("make a mount namespace");
  }
  if (::mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr) != 0 ||
      ::mount("attack", shown().c_str(), "tmpfs", 0, "size=64m,mode=0755") != 0) {
    return failed("mount a tmpfs at " + shown());
  }
  has_mounts_ = true;
  return {};
}

void Pen::leave_mounts() const {
  if (has_mounts_) {
    ::umount2(shown().c_str(), MNT_DETACH);
  }
}

Pen::~Pen() {
  leave_mounts();
  for (const Place& place : places_) {
    write_file(place.outside + "/cgroup.procs", std::to_string(::getpid()));
    remove_groups(place.inside);
  }
}

std::set<pid_t> Pen::processes() const {
  std::set<pid_t> found;
  const auto add = [&found](const fs::path& folder) {
    std::istringstream lines(harness::contents(folder / "cgroup.procs"));
    for (pid_t pid = 0; lines >> pid;) {
      found.insert(pid);
    }
  };
  add(pids_);
  harness::each_folder(pids_, add);
  return found;
}

std::set<std::string> Pen::groups() const {
  std::set<std::string> found;
  for (const Place& place : places_) {
    harness::each_folder(place.inside,
                         [&found](const fs::path& path) { found.insert(path.string()); });
  }
  return found;
}

}  // namespace hearth::attack
