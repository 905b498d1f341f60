#include "agent/probe/cgroup_reader.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "agent/cgroup/cgroup_fs.h"
#include "agent/probe/cgroup_parse.h"
#include "agent/probe/text.h"
#include "base/error.h"
#include "base/telemetry_limits.h"

namespace hearth::agent {
namespace {

constexpr int kNestedDepthMax = 16;
constexpr std::int64_t kNsPerUs = 1'000;
constexpr double kUsPerSecond = 1e6;
constexpr double kPercent = 100;
// In so long an average over ten seconds forgets.
constexpr std::int64_t kAverageForgetsNs = 30'000'000'000;

std::string file_in(const std::string& folder, const char* name) {
  return folder.empty() ? std::string() : folder + "/" + name;
}

// A folder's link count is its sub-folders, itself and its name.
bool has_groups_below(const std::string& folder) {
  struct stat status {};
  return stat(folder.c_str(), &status) == 0 && status.st_nlink > 2;
}

void list_below(const std::string& folder, std::span<char> buffer, std::vector<pid_t>& pids,
                int depth) {
  if (depth > kNestedDepthMax || !has_groups_below(folder)) {
    return;
  }
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(open)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
      const std::string child = folder + "/" + entry->d_name;
      parse_pids(read_once(child + "/cgroup.procs", buffer), pids);
      list_below(child, buffer, pids, depth + 1);
    }
  }
  closedir(open);
}

}  // namespace

bool list_group(const std::string& folder, std::span<char> buffer, std::vector<pid_t>& pids) {
  struct stat status {};
  if (folder.empty() || stat(folder.c_str(), &status) != 0) {
    return false;
  }
  parse_pids(read_once(folder + "/cgroup.procs", buffer), pids);
  list_below(folder, buffer, pids, 0);
  return true;
}

CgroupReader::Files CgroupReader::files_of(DescriptorBudget& budget, const GroupFolders& folders) {
  const bool is_v2 = folders.kind == Enforcement::V2;
  const bool is_v1 = folders.kind == Enforcement::V1;
  const auto kept = [&](const std::string& folder, const char* v2, const char* v1) {
    return KeptFile(budget, file_in(folder, is_v2 ? v2 : v1));
  };
  return {
      .cpu = KeptFile(budget, file_in(folders.accounting, is_v1 ? "cpuacct.usage" : "cpu.stat")),
      // On v2 it is the file above.
      .throttle = KeptFile(budget, is_v2 ? "" : file_in(folders.cpu, "cpu.stat")),
      .memory = kept(folders.memory, "memory.current", "memory.usage_in_bytes"),
      .memory_peak = kept(folders.memory, "memory.peak", "memory.max_usage_in_bytes"),
      .memory_stat = kept(folders.memory, "memory.stat", "memory.stat"),
      .oom = kept(folders.memory, "memory.events", "memory.oom_control"),
      .io = kept(folders.io, "io.stat", "blkio.throttle.io_service_bytes_recursive"),
      .pids = kept(folders.pids, "pids.current", "pids.current"),
      // v1 lists the members when the file is opened, and again after a second without any reader.
      .procs = KeptFile(budget, file_in(folders.membership, "cgroup.procs"),
                        is_v1 ? Keep::Path : Keep::Descriptor),
  };
}

std::string CgroupReader::membership_file(const char* name) const {
  return file_in(target_.folders.membership, name);
}

CgroupReader::CgroupReader(ReadContext& context, WorkerTarget target)
    : context_(context),
      target_(std::move(target)),
      files_(files_of(context.descriptors, target_.folders)),
      cpu_pressure_{.file = {context.descriptors, membership_file("cpu.pressure")}},
      memory_pressure_{.file = {context.descriptors, membership_file("memory.pressure")}},
      io_pressure_{.file = {context.descriptors, membership_file("io.pressure")}},
      process_io_(context),
      model_(context) {
  if (target_.folders.cpu_us_before > 0) {
    averages_from_ns_ = context_.clock.monotonic_ns() + kAverageForgetsNs;
  }
  [[maybe_unused]] const auto line_to_measure_from = read();
}

Result<WorkerSample> CgroupReader::read() {
  has_listed_ = false;
  WorkerSample sample;
  read_cpu(sample);
  read_memory(sample);
  read_processes(sample);
  read_io(sample);
  sample.pressure = {.cpu = read_pressure(cpu_pressure_),
                     .memory = read_pressure(memory_pressure_),
                     .io = read_pressure(io_pressure_)};
  if (auto readable = check(); !readable) {
    return std::move(readable).error();
  }
  return sample;
}

void CgroupReader::read_cpu(WorkerSample& sample) {
  std::string_view usage = text(files_.cpu);
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  std::optional<std::int64_t> usage_us;
  CpuStat stat;
  if (target_.folders.kind == Enforcement::V1) {
    const auto usage_ns = parse_count_file(usage);
    usage_us = usage_ns ? std::optional(*usage_ns / kNsPerUs) : std::nullopt;
  } else {
    stat = parse_cpu_stat(usage);
    usage_us = stat.usage_us;
  }
  if (const auto per_second = cpu_rate_.update(usage_us, now_ns)) {
    sample.cpu_percent = *per_second * kPercent / kUsPerSecond;
  }
  if (usage_us) {
    sample.cpu_ms = std::max<std::int64_t>(0, *usage_us - target_.folders.cpu_us_before) / 1'000;
  }
  usage_us_ = usage_us;
  if (!is_v2()) {
    stat = parse_cpu_stat(text(files_.throttle));
  }
  if (!stat.periods || !stat.throttled_periods) {
    throttling_before_.reset();
    return;
  }
  if (throttling_before_ && *stat.periods >= *throttling_before_->periods &&
      *stat.throttled_periods >= *throttling_before_->throttled_periods) {
    const std::int64_t periods = *stat.periods - *throttling_before_->periods;
    const std::int64_t throttled =
        std::min(periods, *stat.throttled_periods - *throttling_before_->throttled_periods);
    sample.throttled_percent =
        periods == 0 ? 0.0
                     : kPercent * static_cast<double>(throttled) / static_cast<double>(periods);
  }
  throttling_before_ = stat;
}

// What else there is to know changes only when its processes run or its memory is taken away, but
// for what the counters above may have missed.
bool CgroupReader::was_quiet(const WorkerSample& sample) {
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  const bool is_new =
      details_read_at_ns_ &&
      now_ns - *details_read_at_ns_ < std::chrono::nanoseconds(limits::kProbeQuietInterval).count();
  if (is_new && usage_us_ && usage_us_ == details_usage_us_ &&
      sample.memory_bytes == details_.memory_bytes) {
    return true;
  }
  details_read_at_ns_ = now_ns;
  details_usage_us_ = usage_us_;
  return false;
}

void CgroupReader::read_memory(WorkerSample& sample) {
  sample.memory_bytes = parse_count_file(text(files_.memory));
  is_quiet_ = was_quiet(sample);
  if (!is_quiet_) {
    details_ = {};
    details_.memory_bytes = sample.memory_bytes;
    read_details(details_);
  }
  sample.memory_peak_bytes = details_.memory_peak_bytes;
  sample.memory_anon_bytes = details_.memory_anon_bytes;
  sample.memory_file_bytes = details_.memory_file_bytes;
  sample.oom_kills = details_.oom_kills;
  sample.pids = details_.pids;
}

void CgroupReader::read_details(WorkerSample& sample) {
  sample.memory_peak_bytes = parse_count_file(text(files_.memory_peak));
  const std::string_view stat_text = text(files_.memory_stat);
  const MemoryStat stat =
      is_v2() ? parse_memory_stat_v2(stat_text) : parse_memory_stat_v1(stat_text);
  sample.memory_anon_bytes = stat.anon_bytes;
  sample.memory_file_bytes = stat.file_bytes;
  sample.oom_kills = parse_oom_kills(text(files_.oom));
  sample.pids = parse_count_file(text(files_.pids));
}

// At most once for a sample; false when they cannot be listed.
bool CgroupReader::list_processes() {
  if (!has_listed_) {
    pids_.clear();
    parse_pids(text(files_.procs), pids_);
    list_below(target_.folders.membership, context_.buffer, pids_, 0);
    has_listed_ = true;
  }
  return files_.procs.state() == FileState::Read;
}

void CgroupReader::read_processes(WorkerSample& sample) {
  pid_t first = target_.leader;
  if (first == 0 || !model_.is_done()) {
    list_processes();
    first = first == 0 && !pids_.empty() ? pids_.front() : first;
  }
  if (first > 0) {
    sample.pid = first;
  }
  sample.model = model_.look(first, pids_);
  sample.uptime = uptime_of(context_, target_, first);
}

void CgroupReader::read_io(WorkerSample& sample) {
  std::optional<IoBytes> io;
  const std::string_view counted = text(files_.io);
  if (files_.io.state() == FileState::Read) {
    io = is_v2() ? parse_io_stat(counted) : parse_blkio_service(counted);
  } else if (files_.io.state() == FileState::Absent) {
    if (!is_quiet_) {
      process_bytes_ = list_processes() ? process_io_.read(pids_) : std::nullopt;
    }
    io = process_bytes_;
  }
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  const auto read = io ? std::optional(io->read) : std::nullopt;
  const auto written = io ? std::optional(io->written) : std::nullopt;
  sample.io_read_bytes_per_sec = rounded(read_rate_.update(read, now_ns));
  sample.io_write_bytes_per_sec = rounded(write_rate_.update(written, now_ns));
}

std::optional<double> CgroupReader::read_pressure(PressureFile& pressure) {
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  const bool are_averages = !averages_from_ns_ || now_ns >= *averages_from_ns_;
  const bool is_new =
      pressure.read_at_ns && now_ns - *pressure.read_at_ns <
                                 std::chrono::nanoseconds(limits::kProbePressureInterval).count();
  if (are_averages && is_new) {
    return pressure.average;
  }
  const auto parsed = parse_pressure(text(pressure.file));
  const auto total = parsed ? std::optional(parsed->total_us) : std::nullopt;
  if (are_averages) {
    pressure.read_at_ns = now_ns;
    pressure.average = parsed ? std::optional(parsed->average) : std::nullopt;
    return pressure.average;
  }
  const auto per_second = pressure.total.update(total, now_ns);
  return per_second ? std::optional(std::min(kPercent, *per_second * kPercent / kUsPerSecond))
                    : std::nullopt;
}

// Whatever tells first that the group is gone is believed; one file that cannot be read is only a
// figure that is missing.
Result<> CgroupReader::check() const {
  const KeptFile* const all[] = {&files_.cpu,  &files_.memory, &files_.oom,
                                 &files_.pids, &files_.procs,  &files_.io};
  int sys_errno = 0;
  bool any_read = false;
  for (const KeptFile* file : all) {
    if (file->state() == FileState::Gone) {
      return not_found("the group of worker " + target_.id + " is gone (" + file->path() + ")");
    }
    any_read = any_read || file->state() == FileState::Read;
    sys_errno = file->state() == FileState::Failed ? file->sys_errno() : sys_errno;
  }
  if (any_read) {
    return {};
  }
  if (sys_errno == 0) {
    return not_found("worker " + target_.id + " has no group at " + target_.folders.membership);
  }
  return cgroup_error(
      "read the figures of worker " + target_.id + " in " + target_.folders.membership, sys_errno);
}

std::vector<pid_t> CgroupReader::pids() {
  has_listed_ = false;
  list_processes();
  return pids_;
}

}  // namespace hearth::agent
