#include "agent/launcher/sandbox_plan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

namespace hearth::agent {
namespace {

Result<> check_ids(const SandboxPlan& plan) {
  if (plan.uid == 0 || plan.gid == 0 || plan.uid >= limits::kSandboxIds ||
      plan.gid >= limits::kSandboxIds) {
    return invalid_argument("a sandboxed program's user and group are 1 to " +
                            std::to_string(limits::kSandboxIds - 1) + " inside");
  }
  if (plan.id_base &&
      (*plan.id_base < limits::kSandboxIdBaseMin ||
       *plan.id_base > std::numeric_limits<std::uint32_t>::max() - limits::kSandboxIds)) {
    return invalid_argument("a sandbox's host ids cannot begin at " +
                            std::to_string(*plan.id_base) +
                            "; choose an area at or above kSandboxIdBaseMin = " +
                            std::to_string(limits::kSandboxIdBaseMin));
  }
  return {};
}

// What the inside has of its own: a path of the machine there would be hidden, or hide it.
bool is_reserved(const std::string& path) {
  constexpr std::array<std::string_view, 4> kOwn = {"/proc", "/dev", "/work", "/tmp"};
  return std::any_of(kOwn.begin(), kOwn.end(), [&path](std::string_view own) {
    return path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/');
  });
}

Result<> check_paths(const SandboxPlan& plan) {
  if (std::ssize(plan.read_only_paths) > limits::kSandboxReadOnlyPathsMax) {
    return limit_exceeded("kSandboxReadOnlyPathsMax", limits::kSandboxReadOnlyPathsMax,
                          "a sandbox shows too many paths of the machine");
  }
  for (const std::string& path : plan.read_only_paths) {
    if (!is_normal_path(path)) {
      return invalid_argument("a sandbox cannot show the path '" + path +
                              "'; give an absolute one without '.', '..' and doubled slashes");
    }
  }
  for (const std::string& path : plan.read_only_paths) {
    if (is_reserved(path)) {
      return invalid_argument("a sandbox cannot show the machine's " + path +
                              ", since /proc, /dev, /work and /tmp are its own");
    }
  }
  if (!plan.image_root.empty() && !is_normal_path(plan.image_root)) {
    return invalid_argument("an image's root cannot be '" + plan.image_root +
                            "'; give an absolute path without '.', '..' and doubled slashes");
  }
  return {};
}

Result<> check_limit(std::string_view what, std::int64_t value, std::int64_t least,
                     std::string_view name, std::int64_t most) {
  if (value < least) {
    return invalid_argument("a sandbox's limit of " + std::string(what) + " is " +
                            std::to_string(value) + "; the least is " + std::to_string(least));
  }
  if (value > most) {
    return limit_exceeded(
        std::string(name), most,
        "a sandbox's limit of " + std::string(what) + " is above " + std::to_string(most));
  }
  return {};
}

}  // namespace

bool is_normal_path(const std::string& path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/' ||
      std::ssize(path) > limits::kSandboxPathBytesMax) {
    return false;
  }
  std::string_view rest = std::string_view(path).substr(1);
  for (bool more = true; more;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") {
      return false;
    }
    more = slash != std::string_view::npos;
    rest.remove_prefix(more ? slash + 1 : rest.size());
  }
  return true;
}

Result<> validate(const SandboxPlan& plan) {
  HEARTH_TRY(check_ids(plan));
  HEARTH_TRY(check_paths(plan));
  HEARTH_TRY(check_limit("open files", plan.open_files, 3, "kSandboxOpenFilesMax",
                         limits::kSandboxOpenFilesMax));
  HEARTH_TRY(check_limit("processes", plan.processes, 1, "kSandboxProcessesMax",
                         limits::kSandboxProcessesMax));
  HEARTH_TRY(check_limit("bytes of a file", plan.file_bytes, 0, "kSandboxFileBytesMax",
                         limits::kSandboxFileBytesMax));
  HEARTH_TRY(
      check_limit("CPU seconds", plan.cpu_seconds, 0, "kTimeoutMax",
                  std::chrono::duration_cast<std::chrono::seconds>(limits::kTimeoutMax).count()));
  return {};
}

}  // namespace hearth::agent
