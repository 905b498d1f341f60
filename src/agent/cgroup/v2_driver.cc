#include "agent/cgroup/v2_driver.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/cgroup/group_folders.h"

namespace hearth::agent {
namespace {

constexpr std::array<std::string_view, 3> kControllers = {"cpu", "memory", "pids"};
// No limit depends on it: where it cannot be had, only a figure is missing.
constexpr std::string_view kIoController = "io";
constexpr std::int64_t kWeightOfOneCore = 100;
constexpr std::int64_t kWeightMax = 10'000;

GroupFolders folders_at(const std::string& path) {
  return {.kind = Enforcement::V2,
          .memory = path,
          .pids = path,
          .cpu = path,
          .accounting = path,
          .membership = path,
          .io = path};
}

Result<> write_limits(CgroupFs& fs, const std::string& group, const GroupLimits& limits) {
  if (limits.memory_bytes > 0) {
    HEARTH_TRY(fs.write(group + "/memory.max", std::to_string(limits.memory_bytes)));
    // Absent where the kernel has no swap accounting.
    if (auto swap = fs.write(group + "/memory.swap.max", "0");
        !swap && swap.error().code != ErrorCode::NotFound) {
      return swap;
    }
  }
  HEARTH_TRY(fs.write(group + "/memory.oom.group", "1"));
  if (limits.cpu_limit_milli > 0) {
    HEARTH_TRY(fs.write(group + "/cpu.max", std::to_string(cpu_quota_us(limits.cpu_limit_milli)) +
                                                " " + std::to_string(kCpuPeriodUs)));
  }
  if (limits.cpu_weight_milli > 0) {
    const std::int64_t weight = limits.cpu_weight_milli * kWeightOfOneCore / 1'000;
    HEARTH_TRY(fs.write(group + "/cpu.weight",
                        std::to_string(std::clamp<std::int64_t>(weight, 1, kWeightMax))));
  }
  if (limits.pids > 0) {
    HEARTH_TRY(fs.write(group + "/pids.max", std::to_string(limits.pids)));
  }
  return {};
}

class V2Handle final : public CgroupHandle {
 public:
  V2Handle(CgroupFs& fs, std::string name, std::string path)
      : fs_(fs), name_(std::move(name)), path_(std::move(path)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<std::string> join_paths() const override {
    return {path_ + "/cgroup.procs"};
  }
  [[nodiscard]] std::vector<std::string> kill_paths() const override {
    return {path_ + "/cgroup.kill"};
  }

  [[nodiscard]] GroupFolders folders() const override { return folders_at(path_); }

  Result<> raise_limits(const GroupLimits& limits) override {
    HEARTH_TRY(check_limits(limits));
    return write_limits(fs_, path_, limits);
  }

  Result<GroupUsage> usage() override {
    GroupUsage usage;
    HEARTH_ASSIGN(const std::string cpu, fs_.read(path_ + "/cpu.stat"));
    if (const auto microseconds = find_number(cpu, "usage_usec")) {
      usage.cpu_ms = *microseconds / 1'000;
    }
    HEARTH_ASSIGN(const std::string events, fs_.read(path_ + "/memory.events"));
    usage.oom_kills = find_number(events, "oom_kill").value_or(0);
    usage.memory_bytes = number_in("memory.current");
    usage.memory_peak_bytes = number_in("memory.peak");  // since Linux 5.19
    usage.pids = number_in("pids.current");
    return usage;
  }

  Result<std::vector<pid_t>> pids() override { return pids_below(fs_, path_); }

  Result<bool> empty() override {
    HEARTH_ASSIGN(const std::string events, fs_.read(path_ + "/cgroup.events"));
    return find_number(events, "populated") == 0;
  }

  Result<> kill_all() override { return fs_.write(path_ + "/cgroup.kill", "1"); }

  Result<> remove() override { return remove_all(fs_, path_); }

 private:
  std::optional<std::int64_t> number_in(const std::string& file) {
    const auto text = fs_.read(path_ + "/" + file);
    return text ? parse_number(*text) : std::nullopt;
  }

  CgroupFs& fs_;
  std::string name_;
  std::string path_;
};

bool lists(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of(" \n"), words.size());
    if (words.substr(0, end) == wanted) {
      return true;
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// All in one write, which does all or nothing: a group that holds processes lets cpu and pids be
// enabled, which makes it the root of threaded groups, and then neither memory nor a move to a
// leaf.
Result<> enable_controllers(CgroupFs& fs, const std::string& group) {
  HEARTH_ASSIGN(const std::string enabled, fs.read(group + "/cgroup.subtree_control"));
  std::string missing;
  for (const std::string_view controller : kControllers) {
    if (!lists(enabled, controller)) {
      missing += (missing.empty() ? "+" : " +") + std::string(controller);
    }
  }
  if (!missing.empty()) {
    HEARTH_TRY(fs.write(group + "/cgroup.subtree_control", missing));
  }
  const auto offered = fs.read(group + "/cgroup.controllers");
  if (offered && lists(*offered, kIoController) && !lists(enabled, kIoController)) {
    [[maybe_unused]] const auto with_io =
        fs.write(group + "/cgroup.subtree_control", "+" + std::string(kIoController));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<V2Driver>> V2Driver::create(std::unique_ptr<CgroupFs> fs, const Place& place,
                                                   const std::string& instance) {
  std::unique_ptr<V2Driver> driver(new V2Driver(std::move(fs), place, instance));
  HEARTH_TRY(driver->prepare());
  return driver;
}

V2Driver::V2Driver(std::unique_ptr<CgroupFs> fs, Place place, const std::string& instance)
    : fs_(std::move(fs)), place_(std::move(place)), folder_name_(instance_folder(instance)) {}

V2Driver::~V2Driver() {
  [[maybe_unused]] const auto removed = fs_->remove(folder_);  // refused while groups are in it
}

GroupFolders V2Driver::folders() const {
  return folders_at(folder_);
}

Result<> V2Driver::prepare() {
  const Result<> first = prepare_below(place_.root);
  Result<> latest = first;
  std::string root = place_.root;
  // More rights than here are not to be had further up.
  while (!latest && latest.error().code != ErrorCode::PermissionDenied && !place_.is_fixed &&
         root.size() > place_.mount.size()) {
    root.resize(root.rfind('/'));
    latest = prepare_below(root);
  }
  return latest ? latest : first;
}

Result<> V2Driver::prepare_below(const std::string& root) {
  folder_ = root + "/" + folder_name_;
  HEARTH_TRY(make_all(*fs_, root));
  HEARTH_ASSIGN(const std::string offered, fs_->read(root + "/cgroup.controllers"));
  for (const std::string_view controller : kControllers) {
    if (!lists(offered, controller)) {
      return Error{.code = ErrorCode::Unimplemented,
                   .message = "cgroup " + root + " does not offer the " + std::string(controller) +
                              " controller, only: " + offered.substr(0, offered.find('\n'))};
    }
  }
  auto enabled = enable_controllers(*fs_, root);
  if (!enabled && enabled.error().code == ErrorCode::FailedPrecondition && place_.root_is_own &&
      root == place_.root) {
    enabled = enable_without_us(root);
  }
  if (!enabled) {
    return enabled.error().with_context(
        "let groups below " + root +
        " have limits (other processes in that group prevent it: start the agent as a service of "
        "its own, or name another place with --cgroup-root)");
  }
  const auto make_base = [this] { return this->make_base(); };
  return make_in_base(make_base, make_base);
}

// NotFound also when the folder vanished meanwhile.
Result<> V2Driver::make_base() {
  HEARTH_TRY(make_all(*fs_, folder_));
  HEARTH_ASSIGN(hold_, fs_->hold(folder_));
  HEARTH_TRY(enable_controllers(*fs_, folder_));
  return check_has_kill(*fs_, folder_);
}

// Only the agent itself moves: others' processes are not ours to move. If it does not help, it goes
// back.
Result<> V2Driver::enable_without_us(const std::string& root) {
  const std::string leaf = root + std::string(kAgentLeaf);
  HEARTH_TRY(make_all(*fs_, leaf));
  HEARTH_TRY(fs_->write(leaf + "/cgroup.procs", "0"));
  auto enabled = enable_controllers(*fs_, root);
  if (!enabled) {
    HEARTH_TRY(fs_->write(root + "/cgroup.procs", "0"));
    HEARTH_TRY(fs_->remove(leaf));
  }
  return enabled;
}

Result<std::unique_ptr<CgroupHandle>> V2Driver::create(const std::string& name,
                                                       const GroupLimits& limits) {
  HEARTH_TRY(check_group_name(name));
  HEARTH_TRY(check_limits(limits));
  const std::string group = folder_ + "/" + name;
  HEARTH_TRY(make_in_base([this] { return make_base(); }, [&] { return fs_->make(group); }));
  if (auto written = write_limits(*fs_, group, limits); !written) {
    [[maybe_unused]] const auto removed = fs_->remove(group);
    return std::move(written).error();
  }
  ++made_;
  return std::unique_ptr<CgroupHandle>(new V2Handle(*fs_, name, group));
}

Result<int> V2Driver::sweep() {
  int swept = 0;
  for (const std::string& folder : find_folders(*fs_, place_.mount, folder_name_)) {
    HEARTH_ASSIGN(const auto names, groups_left_in(*fs_, folder));
    for (const std::string& name : names) {
      HEARTH_TRY(clear_leftover(*fs_, folder + "/" + name));
      ++swept;
    }
    if (folder != folder_) {
      HEARTH_TRY(remove_all(*fs_, folder));
    }
  }
  remove_abandoned(*fs_, place_.mount, folder_name_);
  return swept;
}

}  // namespace hearth::agent
