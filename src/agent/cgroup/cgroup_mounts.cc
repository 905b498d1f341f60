#include "agent/cgroup/cgroup_mounts.h"

#include <sstream>
#include <vector>

#include "agent/cgroup/cgroup_fs.h"

namespace hearth::agent {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

// Space, tab, newline and backslash are octal escapes in mountinfo.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                        (text[i + 3] - '0')));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// `path` as the mount shows it, whose top is `root`. Outside the mount (a bind mount of another
// subtree, or above the cgroup namespace) only its top can be used.
std::string below_mount(const std::string& path, const std::string& root) {
  std::string own = path;
  if (root != "/") {
    own = path.starts_with(root) ? path.substr(root.size()) : "";
  }
  return own == "/" || own.starts_with("/..") ? "" : own;
}

}  // namespace

CgroupMounts parse_cgroup_mounts(std::string_view mountinfo, std::string_view self_cgroup) {
  std::map<std::string, std::string> own_paths;  // by controller, "" for v2
  for (const std::string& line : split(self_cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    for (const std::string& controller : split(line.substr(first + 1, second - first - 1), ',')) {
      own_paths[controller] = line.substr(second + 1);
    }
  }

  CgroupMounts mounts;
  for (const std::string& line : split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) {
      continue;
    }
    const auto fields = split(line.substr(0, dash), ' ');
    const auto type = split(line.substr(dash + 3), ' ');
    if (fields.size() < 5 || type.size() < 3) {
      continue;
    }
    const std::string root = unescape(fields[3]);
    const std::string mount = unescape(fields[4]);
    if (type[0] == "cgroup2" && !mounts.v2) {
      mounts.v2 = Hierarchy{.mount = mount, .own = below_mount(own_paths[""], root)};
    } else if (type[0] == "cgroup") {
      for (const std::string& option : split(type[2], ',')) {
        if (const auto own = own_paths.find(option); own != own_paths.end()) {
          mounts.v1.try_emplace(option,
                                Hierarchy{.mount = mount, .own = below_mount(own->second, root)});
        }
      }
    }
  }
  return mounts;
}

Result<CgroupMounts> read_cgroup_mounts() {
  KernelCgroupFs fs;
  HEARTH_ASSIGN(const std::string mountinfo, fs.read("/proc/self/mountinfo"));
  auto self_cgroup = fs.read("/proc/self/cgroup");
  return parse_cgroup_mounts(mountinfo, self_cgroup ? *self_cgroup : "");
}

std::string groups_root(const Hierarchy& hierarchy, const std::string& cgroup_root) {
  if (cgroup_root.empty()) {
    return hierarchy.mount + hierarchy.own;
  }
  std::string within = cgroup_root;
  if (within == hierarchy.mount || within.starts_with(hierarchy.mount + "/")) {
    within = within.substr(hierarchy.mount.size());
  }
  while (!within.empty() && within.back() == '/') {
    within.pop_back();
  }
  if (!within.empty() && within.front() != '/') {
    within = "/" + within;
  }
  return hierarchy.mount + within;
}

}  // namespace hearth::agent
