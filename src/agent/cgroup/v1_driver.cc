#include "agent/cgroup/v1_driver.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <set>
#include <utility>

#include "agent/cgroup/group_folders.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr std::int64_t kSharesOfOneCore = 1'024;
constexpr std::int64_t kSharesMin = 2;
constexpr std::int64_t kSharesMax = 262'144;

class V1Handle final : public CgroupHandle {
 public:
  V1Handle(V1Driver& driver, std::string name, V1Driver::Slot slot)
      : driver_(driver),
        fs_(driver.fs()),
        name_(std::move(name)),
        slot_(std::move(slot)),
        folders_(slot_.folders),
        hybrid_(driver.enforcement() == Enforcement::Hybrid) {}
  ~V1Handle() override {
    if (oom_fd_ >= 0) {
      close(oom_fd_);
    }
  }
  V1Handle(const V1Handle&) = delete;
  V1Handle& operator=(const V1Handle&) = delete;

  [[nodiscard]] const std::string& name() const override { return name_; }
  // By v1's `tasks` a process can enter without the lock that moving takes (helper/groups.h).
  [[nodiscard]] std::vector<std::string> join_paths() const override {
    std::vector<std::string> paths;
    for (const std::string& folder : folders_.distinct()) {
      paths.push_back(folder +
                      (hybrid_ && folder == folders_.membership ? "/cgroup.procs" : "/tasks"));
    }
    return paths;
  }
  [[nodiscard]] std::vector<std::string> kill_paths() const override {
    return {folders_.membership + (hybrid_ ? "/cgroup.kill" : "/freezer.state")};
  }

  [[nodiscard]] GroupFolders folders() const override {
    GroupFolders all = driver_.folders_for(folders_);
    all.cpu_us_before = slot_.cpu_us_before;
    return all;
  }

  void set_leader(pid_t /*leader*/) override { started_ = true; }
  Result<int> watch_oom() override;
  Result<> raise_limits(const GroupLimits& limits) override {
    return driver_.raise_limits(folders_, limits);
  }
  Result<GroupUsage> usage() override;
  Result<std::vector<pid_t>> pids() override;
  Result<bool> empty() override;
  Result<> kill_all() override;
  Result<> remove() override;

 private:
  std::optional<std::int64_t> number_in(const std::string& file) {
    const auto text = fs_.read(file);
    return text ? parse_number(*text) : std::nullopt;
  }

  bool is_as_new();

  V1Driver& driver_;
  CgroupFs& fs_;
  const std::string name_;
  const V1Driver::Slot slot_;
  const V1Driver::Folders& folders_;
  const bool hybrid_;
  int oom_fd_ = -1;
  bool started_ = false;
  bool ended_ = false;  // it was started and is empty: nobody comes any more
  std::optional<GroupUsage> final_usage_;
  bool killed_ = false;
  bool removed_ = false;
};

Result<int> V1Handle::watch_oom() {
  if (oom_fd_ >= 0) {
    return oom_fd_;
  }
  const int control = open((folders_.memory + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC);
  if (control < 0) {
    return cgroup_error("watch " + folders_.memory + " for running out of memory", errno);
  }
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const auto registered = fs_.write(folders_.memory + "/cgroup.event_control",
                                    std::to_string(fd) + " " + std::to_string(control));
  close(control);
  if (!registered) {
    close(fd);
    return registered.error();
  }
  oom_fd_ = fd;
  return fd;
}

Result<GroupUsage> V1Handle::usage() {
  GroupUsage usage;
  if (const auto microseconds = driver_.cpu_us(folders_)) {
    usage.cpu_ms = (*microseconds - slot_.cpu_us_before) / 1'000;
  }
  HEARTH_ASSIGN(const std::string oom, fs_.read(folders_.memory + "/memory.oom_control"));
  usage.oom_kills = find_number(oom, "oom_kill").value_or(0);
  usage.memory_bytes = number_in(folders_.memory + "/memory.usage_in_bytes");
  usage.memory_peak_bytes = number_in(folders_.memory + "/memory.max_usage_in_bytes");
  if (ended_) {
    usage.pids = 0;
    final_usage_ = usage;
  } else {
    usage.pids = number_in(folders_.pids + "/pids.current");
  }
  return usage;
}

// Over all hierarchies: a process that was moved out of one is still a member.
Result<std::vector<pid_t>> V1Handle::pids() {
  std::set<pid_t> all;
  for (const std::string& folder : folders_.distinct()) {
    HEARTH_ASSIGN(const auto some, pids_below(fs_, folder));
    all.insert(some.begin(), some.end());
  }
  return std::vector<pid_t>(all.begin(), all.end());
}

Result<bool> V1Handle::empty() {
  if (hybrid_) {
    const auto events = fs_.read(folders_.membership + "/cgroup.events");
    if (events && find_number(*events, "populated") != 0) {
      return false;
    }
    HEARTH_ASSIGN(const std::string listed, fs_.read(folders_.memory + "/cgroup.procs"));
    if (!events && listed.empty()) {
      return events.error();
    }
    ended_ = started_ && listed.empty();
    return listed.empty();
  }
  HEARTH_ASSIGN(const auto left, pids());
  ended_ = started_ && left.empty();
  return left.empty();
}

Result<> V1Handle::kill_all() {
  killed_ = true;
  if (!hybrid_) {
    return kill_frozen(fs_, folders_.membership, [this] { return pids(); });
  }
  Result<> killed = fs_.write(folders_.membership + "/cgroup.kill", "1");
  HEARTH_ASSIGN(const auto outside, pids_below(fs_, folders_.memory));
  for (const pid_t pid : outside) {
    kill(pid, SIGKILL);  // dying already, but for one that left the v2 group
  }
  return killed;
}

Result<> V1Handle::remove() {
  if (removed_) {
    return not_found("group " + name_ + " is removed already");
  }
  HEARTH_TRY(driver_.take_back(name_, slot_, is_as_new()));
  removed_ = true;
  return {};
}

// In doubt it is not.
bool V1Handle::is_as_new() {
  if (killed_ || slot_.limits.single_use || !(ended_ || empty().value_or(false))) {
    return false;
  }
  for (const std::string& folder : folders_.distinct()) {
    if (fs_.has_folders(folder).value_or(true)) {
      return false;
    }
  }
  const auto used = final_usage_ ? Result<GroupUsage>(*final_usage_) : usage();
  return used && used->oom_kills == 0 &&
         used->memory_bytes.value_or(INT64_MAX) <= limits::kGroupKeptMemoryBytesMax;
}

}  // namespace

std::vector<std::string> V1Driver::Folders::distinct() const {
  std::vector<std::string> result;
  for (const std::string& folder : {memory, pids, cpu, accounting, membership}) {
    if (std::find(result.begin(), result.end(), folder) == result.end()) {
      result.push_back(folder);
    }
  }
  return result;
}

Result<std::unique_ptr<V1Driver>> V1Driver::create(std::unique_ptr<CgroupFs> fs,
                                                   const Places& places,
                                                   const std::string& instance,
                                                   std::int64_t groups_kept_max) {
  if (!places.v2 && (!places.cpuacct || !places.freezer)) {
    return Error{.code = ErrorCode::Unimplemented,
                 .message = "the cpuacct or the freezer hierarchy is not mounted"};
  }
  std::unique_ptr<V1Driver> driver(new V1Driver(std::move(fs), places, instance, groups_kept_max));
  const auto make_base = [&] { return driver->make_base(); };
  HEARTH_TRY(make_in_base(make_base, make_base));
  return driver;
}

// NotFound also when a folder vanished meanwhile.
Result<> V1Driver::make_base() {
  holds_.clear();
  for (const std::string& folder : base_.distinct()) {
    HEARTH_TRY(make_all(*fs_, folder));
    HEARTH_ASSIGN(UniqueFd hold, fs_->hold(folder));
    holds_.push_back(std::move(hold));
  }
  return hybrid_ ? check_has_kill(*fs_, base_.membership) : Result<>();
}

V1Driver::V1Driver(std::unique_ptr<CgroupFs> fs, const Places& places, const std::string& instance,
                   std::int64_t groups_kept_max)
    : fs_(std::move(fs)),
      folder_name_(instance_folder(instance)),
      hybrid_(places.v2.has_value()),
      kept_max_(groups_kept_max) {
  const Place& accounting = hybrid_ ? *places.v2 : *places.cpuacct;
  const Place& membership = hybrid_ ? *places.v2 : *places.freezer;
  const auto base = [&](const Place& place) {
    if (std::find(mounts_.begin(), mounts_.end(), place.mount) == mounts_.end()) {
      mounts_.push_back(place.mount);
    }
    return place.root + "/" + folder_name_;
  };
  // Membership first: sweep() starts with the hierarchy that kills best.
  const std::string membership_base = base(membership);
  base_ = Folders{.memory = base(places.memory),
                  .pids = base(places.pids),
                  .cpu = base(places.cpu),
                  .accounting = base(accounting),
                  .membership = membership_base};
}

V1Driver::~V1Driver() {
  [[maybe_unused]] const auto trimmed = trim();
  for (const std::string& folder : base_.distinct()) {
    [[maybe_unused]] const auto removed = fs_->remove(folder);  // refused while groups are in it
  }
}

V1Driver::Folders V1Driver::folders_of(const std::string& name) const {
  return Folders{.memory = base_.memory + "/" + name,
                 .pids = base_.pids + "/" + name,
                 .cpu = base_.cpu + "/" + name,
                 .accounting = base_.accounting + "/" + name,
                 .membership = base_.membership + "/" + name};
}

// Nothing is made in the blkio hierarchy: it does not count what is written back later, which is
// most of what jobs write.
GroupFolders V1Driver::folders_for(const Folders& group) const {
  return {.kind = enforcement(),
          .memory = group.memory,
          .pids = group.pids,
          .cpu = group.cpu,
          .accounting = group.accounting,
          .membership = group.membership,
          .io = {}};
}

Result<std::unique_ptr<CgroupHandle>> V1Driver::create(const std::string& name,
                                                       const GroupLimits& limits) {
  HEARTH_TRY(check_group_name(name));
  HEARTH_TRY(check_limits(limits));
  if (names_.contains(name)) {
    return Error{.code = ErrorCode::AlreadyExists,
                 .message = "there is a group \"" + name + "\" already"};
  }
  std::optional<Slot> slot = reuse_slot(limits);
  if (slot) {
    ++reused_;
  } else {
    HEARTH_ASSIGN(slot, make_slot(limits));
    ++made_;
  }
  names_.insert(name);
  return std::unique_ptr<CgroupHandle>(new V1Handle(*this, name, std::move(*slot)));
}

Result<V1Driver::Slot> V1Driver::make_slot(const GroupLimits& limits) {
  Slot slot{.folders = {}, .limits = limits};
  Result<> made;
  do {
    slot.folders = folders_of("slot-" + std::to_string(++last_slot_));
    made = make_folders(slot.folders);
    // A number that a predecessor left behind, before sweep().
  } while (!made && made.error().code == ErrorCode::AlreadyExists);
  if (!made) {
    return made.error();
  }
  if (auto written = write_limits(slot.folders, limits, &CgroupFs::write); !written) {
    [[maybe_unused]] const auto removed = remove_slot(slot);
    return std::move(written).error();
  }
  return slot;
}

Result<> V1Driver::make_folders(const Folders& group) {
  const auto folders = group.distinct();
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const auto made =
        make_in_base([this] { return make_base(); }, [&] { return fs_->make(folders[i]); });
    if (!made) {
      for (std::size_t undo = 0; undo < i; ++undo) {
        [[maybe_unused]] const auto removed = fs_->remove(folders[undo]);
      }
      return made.error();
    }
  }
  return {};
}

std::optional<V1Driver::Slot> V1Driver::reuse_slot(const GroupLimits& limits) {
  const auto found = std::ranges::find(kept_, limits, &Slot::limits);
  if (found == kept_.end()) {
    return std::nullopt;
  }
  Slot slot = std::move(*found);
  kept_.erase(found);
  const auto cpu = cpu_us(slot.folders);
  // Also the limits: a job that runs as root could have changed them.
  if (!cpu || !write_limits(slot.folders, limits, &CgroupFs::ensure) ||
      !fs_->write(slot.folders.memory + "/memory.max_usage_in_bytes", "0")) {
    [[maybe_unused]] const auto removed = remove_slot(slot);
    return std::nullopt;
  }
  slot.cpu_us_before = *cpu;
  return slot;
}

Result<> V1Driver::take_back(const std::string& name, const Slot& slot, bool as_new) {
  if (!as_new) {
    HEARTH_TRY(remove_slot(slot));
  } else {
    for (const std::string& folder : slot.folders.distinct()) {
      fs_->keep(folder);
    }
    kept_.push_back(slot);
    if (std::ssize(kept_) > kept_max_) {
      // What cannot be removed now is empty, and swept at the agent's next start.
      [[maybe_unused]] const auto removed = remove_slot(kept_.front());
      kept_.pop_front();
    }
  }
  names_.erase(name);
  return {};
}

Result<> V1Driver::remove_slot(const Slot& slot) {
  for (const std::string& folder : slot.folders.distinct()) {
    HEARTH_TRY(remove_all(*fs_, folder));
  }
  return {};
}

Result<std::int64_t> V1Driver::cpu_us(const Folders& group) {
  if (hybrid_) {
    HEARTH_ASSIGN(const std::string stat, fs_->read(group.accounting + "/cpu.stat"));
    return find_number(stat, "usage_usec").value_or(0);
  }
  HEARTH_ASSIGN(const std::string nanoseconds, fs_->read(group.accounting + "/cpuacct.usage"));
  return parse_number(nanoseconds).value_or(0) / 1'000;
}

Result<> V1Driver::write_limits(const Folders& group, const GroupLimits& limits, Put put) {
  const auto set = [&](const std::string& file, std::int64_t value) {
    return (fs_.get()->*put)(file, std::to_string(value));
  };
  if (limits.memory_bytes > 0) {
    HEARTH_TRY(set(group.memory + "/memory.limit_in_bytes", limits.memory_bytes));
    // Memory and swap together: no swap. Absent where the kernel does not account for swap.
    if (auto swap = set(group.memory + "/memory.memsw.limit_in_bytes", limits.memory_bytes);
        !swap && swap.error().code != ErrorCode::NotFound) {
      return swap;
    }
  }
  if (limits.cpu_limit_milli > 0) {
    // The period is 100 ms unless written.
    HEARTH_TRY(set(group.cpu + "/cpu.cfs_quota_us", cpu_quota_us(limits.cpu_limit_milli)));
  }
  if (limits.cpu_weight_milli > 0) {
    const std::int64_t shares = limits.cpu_weight_milli * kSharesOfOneCore / 1'000;
    HEARTH_TRY(set(group.cpu + "/cpu.shares", std::clamp(shares, kSharesMin, kSharesMax)));
  }
  if (limits.pids > 0) {
    HEARTH_TRY(set(group.pids + "/pids.max", limits.pids));
  }
  return {};
}

// The limit of memory and swap together is never below that of memory, so it goes first.
Result<> V1Driver::raise_limits(const Folders& group, const GroupLimits& limits) {
  HEARTH_TRY(check_limits(limits));
  if (limits.memory_bytes > 0) {
    if (auto swap = fs_->write(group.memory + "/memory.memsw.limit_in_bytes",
                               std::to_string(limits.memory_bytes));
        !swap && swap.error().code != ErrorCode::NotFound) {
      return swap;
    }
  }
  return write_limits(group, limits, &CgroupFs::ensure);
}

Result<> V1Driver::trim() {
  while (!kept_.empty()) {
    HEARTH_TRY(remove_slot(kept_.front()));
    kept_.pop_front();
  }
  return {};
}

Result<int> V1Driver::sweep() {
  HEARTH_TRY(trim());
  names_.clear();
  const auto current = base_.distinct();
  std::set<std::string> names;
  for (const std::string& mount : mounts_) {
    for (const std::string& base : find_folders(*fs_, mount, folder_name_)) {
      HEARTH_ASSIGN(const auto groups, groups_left_in(*fs_, base));
      for (const std::string& name : groups) {
        HEARTH_TRY(clear_leftover(*fs_, base + "/" + name));
        names.insert(name);
      }
      if (std::find(current.begin(), current.end(), base) == current.end()) {
        HEARTH_TRY(remove_all(*fs_, base));
      }
    }
    remove_abandoned(*fs_, mount, folder_name_);
  }
  return static_cast<int>(names.size());
}

}  // namespace hearth::agent
