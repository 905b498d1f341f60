#include "agent/cgroup/group_folders.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::string_view kInstancePrefix = "hearth-";
constexpr std::size_t kInstanceDigits = 16;  // as agent/host/data_dir makes them up
constexpr std::size_t kNameBytesMax = 128;
constexpr std::int64_t kQuotaUsMin = 1'000;
constexpr int kFindDepthMax = 8;
constexpr int kFreezeChecks = 100;
constexpr int kKillRounds = 200;
constexpr Duration kKillRoundWait{25};

// Does not look into what it found.
void find_below(CgroupFs& fs, const std::string& folder,
                const std::function<bool(std::string_view)>& wanted, int depth,
                std::vector<std::string>& found) {
  const auto names = fs.folders(folder);
  if (!names) {
    return;
  }
  for (const std::string& child : *names) {
    const std::string path = folder + "/" + child;
    if (wanted(child)) {
      found.push_back(path);
    } else if (depth < kFindDepthMax) {
      find_below(fs, path, wanted, depth + 1, found);
    }
  }
}

}  // namespace

std::string instance_folder(const std::string& instance) {
  return std::string(kInstancePrefix) + instance;
}

bool is_instance_folder(std::string_view name) {
  return name.starts_with(kInstancePrefix) &&
         name.size() == kInstancePrefix.size() + kInstanceDigits &&
         name.find_first_not_of("0123456789abcdef", kInstancePrefix.size()) ==
             std::string_view::npos;
}

Result<> check_group_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  if (name.empty() || name.size() > kNameBytesMax ||
      name.find_first_not_of(kAllowed) != std::string::npos) {
    return invalid_argument("\"" + name + "\" cannot name a group: use 1 to " +
                            std::to_string(kNameBytesMax) + " of A-Z, a-z, 0-9, _ and -");
  }
  return {};
}

Result<> check_limits(const GroupLimits& limits) {
  const std::pair<const char*, std::int64_t> all[] = {{"memory", limits.memory_bytes},
                                                      {"CPU", limits.cpu_limit_milli},
                                                      {"CPU weight", limits.cpu_weight_milli},
                                                      {"process", limits.pids}};
  for (const auto& [what, value] : all) {
    if (value < 0) {
      return invalid_argument("a " + std::string(what) + " limit of " + std::to_string(value) +
                              " is below zero");
    }
  }
  return {};
}

std::int64_t cpu_quota_us(std::int64_t cpu_milli) {
  return std::max(cpu_milli * (kCpuPeriodUs / 1'000), kQuotaUsMin);
}

std::vector<std::string> find_folders(CgroupFs& fs, const std::string& mount,
                                      const std::string& name) {
  std::vector<std::string> found;
  find_below(
      fs, mount, [&](std::string_view child) { return child == name; }, 0, found);
  return found;
}

void remove_abandoned(CgroupFs& fs, const std::string& mount, const std::string& own_name) {
  std::vector<std::string> found;
  find_below(
      fs, mount,
      [&](std::string_view child) { return child != own_name && is_instance_folder(child); }, 0,
      found);
  for (const std::string& folder : found) {
    const auto age = fs.age(folder);
    if (age && *age >= limits::kAbandonedGroupAge && !fs.is_held(folder)) {
      [[maybe_unused]] const auto removed = remove_all(fs, folder);  // refused where processes are
    }
  }
}

Result<> make_in_base(const std::function<Result<>()>& make_base,
                      const std::function<Result<>()>& make) {
  Result<> made = make();
  if (made || made.error().code != ErrorCode::NotFound) {
    return made;
  }
  HEARTH_TRY(make_base());
  return make();
}

void wait_for_an_end(const std::vector<int>& pids, Duration wait) {
  constexpr std::size_t kWatchedMax = 64;
  std::vector<pollfd> watched;
  for (const int pid : pids) {
    if (watched.size() == kWatchedMax) {
      break;
    }
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd >= 0) {
      watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    }
  }
  poll(watched.data(), watched.size(), static_cast<int>(wait.count()));
  for (const pollfd& each : watched) {
    close(each.fd);
  }
}

Result<> kill_frozen(CgroupFs& fs, const std::string& folder,
                     const std::function<Result<std::vector<int>>()>& members) {
  const std::string state = folder + "/freezer.state";
  HEARTH_TRY(fs.write(state, "FROZEN"));
  for (int check = 0; check < kFreezeChecks; ++check) {
    const auto now = fs.read(state);  // reading moves the freezing on
    if (!now || now->starts_with("FROZEN")) {
      break;
    }
  }
  const auto pids = members();
  for (const int pid : pids ? *pids : std::vector<int>()) {
    kill(pid, SIGKILL);  // takes effect when thawed
  }
  HEARTH_TRY(fs.write(state, "THAWED"));
  return pids ? Result<>() : Result<>(pids.error());
}

Result<std::vector<std::string>> groups_left_in(CgroupFs& fs, const std::string& base) {
  auto names = fs.folders(base);
  if (!names && names.error().code == ErrorCode::NotFound) {
    return std::vector<std::string>();
  }
  return names;
}

Result<> check_has_kill(CgroupFs& fs, const std::string& group) {
  if (fs.exists(group + "/cgroup.kill")) {
    return {};
  }
  if (!fs.exists(group)) {
    return cgroup_error("use cgroup " + group, ENOENT);
  }
  return Error{.code = ErrorCode::Unimplemented,
               .message = "this kernel has no cgroup.kill (Linux 5.14)"};
}

Result<> clear_leftover(CgroupFs& fs, const std::string& folder) {
  for (int round = 0; round < kKillRounds; ++round) {
    HEARTH_ASSIGN(const auto pids, pids_below(fs, folder));
    if (pids.empty()) {
      return remove_all(fs, folder);
    }
    if (fs.exists(folder + "/cgroup.kill")) {
      HEARTH_TRY(fs.write(folder + "/cgroup.kill", "1"));
    } else if (fs.exists(folder + "/freezer.state")) {
      HEARTH_TRY(kill_frozen(fs, folder, [&] { return pids_below(fs, folder); }));
    } else {
      for (const int pid : pids) {
        kill(pid, SIGKILL);
      }
    }
    wait_for_an_end(pids, kKillRoundWait);
  }
  return Error{.code = ErrorCode::DeadlineExceeded,
               .message = "processes left in cgroup " + folder + " do not die"};
}

}  // namespace hearth::agent
