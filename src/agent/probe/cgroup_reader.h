// The figures of a worker that is in a group, on v2, hybrid and v1 hosts alike: each comes from the
// hierarchy that counts it, and one that none counts is nullopt.
#pragma once

#include <string>
#include <vector>

#include "agent/probe/process_files.h"
#include "agent/probe/rate.h"
#include "agent/probe/worker_reader.h"

namespace hearth::agent {

// `folder` and the groups below it, appended; false when `folder` cannot be read.
bool list_group(const std::string& folder, std::span<char> buffer, std::vector<pid_t>& pids);

class CgroupReader final : public WorkerReader {
 public:
  CgroupReader(ReadContext& context, WorkerTarget target);

  Result<WorkerSample> read() override;
  std::vector<pid_t> pids() override;

 private:
  struct Files {
    KeptFile cpu;  // usage
    KeptFile throttle;
    KeptFile memory;
    KeptFile memory_peak;
    KeptFile memory_stat;
    KeptFile oom;
    KeptFile io;
    KeptFile pids;
    KeptFile procs;
  };
  // An average that a group of before had its part in is none of this worker's: while it lasts, the
  // growth of the total counts.
  struct PressureFile {
    KeptFile file;
    CounterRate total = {};
    std::optional<double> average = {};
    std::optional<std::int64_t> read_at_ns = {};
  };

  static Files files_of(DescriptorBudget& budget, const GroupFolders& folders);
  [[nodiscard]] std::string membership_file(const char* name) const;
  [[nodiscard]] bool is_v2() const { return target_.folders.kind == Enforcement::V2; }
  std::string_view text(KeptFile& file) { return file.read(context_.buffer); }
  void read_cpu(WorkerSample& sample);
  void read_memory(WorkerSample& sample);
  [[nodiscard]] bool was_quiet(const WorkerSample& sample);
  void read_details(WorkerSample& sample);
  void read_io(WorkerSample& sample);
  std::optional<double> read_pressure(PressureFile& pressure);
  void read_processes(WorkerSample& sample);
  bool list_processes();
  [[nodiscard]] Result<> check() const;

  ReadContext& context_;
  const WorkerTarget target_;
  Files files_;
  PressureFile cpu_pressure_;
  PressureFile memory_pressure_;
  PressureFile io_pressure_;
  CounterRate cpu_rate_;
  CounterRate read_rate_;
  CounterRate write_rate_;
  std::optional<CpuStat> throttling_before_;
  std::optional<std::int64_t> usage_us_;          // the latest
  std::optional<std::int64_t> details_usage_us_;  // when details_ were read
  std::optional<std::int64_t> details_read_at_ns_;
  WorkerSample details_;  // memory, its peak and parts, OOM kills, pids
  std::optional<IoBytes> process_bytes_;
  std::optional<std::int64_t> averages_from_ns_;  // unset: from the start
  std::vector<pid_t> pids_;
  bool has_listed_ = false;
  bool is_quiet_ = false;  // since details_ were read
  ProcessIo process_io_;
  ModelFinder model_;
};

}  // namespace hearth::agent
