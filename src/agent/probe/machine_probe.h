// The figures of the machine that the agent runs on, from /proc and its data directory's file
// system. Where the agent's own group has less memory than the host, memory is that group's.
// Thread-compatible.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/probe/kept_file.h"
#include "agent/probe/machine_parse.h"
#include "agent/probe/rate.h"
#include "base/clock.h"
#include "model/telemetry.h"

namespace hearth::agent {

struct MachineProbeOptions {
  std::string root;      // stands before /proc and the groups' mounts, for tests
  std::string data_dir;  // whose disk counts; empty: none
  // Thousandths of a core that the agent may use, where it knows of a bound; else those of the
  // host.
  std::optional<std::int64_t> cpu_milli;
};

class MachineProbe {
 public:
  // `clock` outlives the probe.
  MachineProbe(Clock& clock, MachineProbeOptions options);

  // All but the GPUs.
  MachineSample read();

 private:
  // The group with the tightest memory limit of the agent's own and those above.
  struct MemoryBound {
    std::int64_t limit_bytes = 0;
    std::string usage_file;
    std::string stat_file;
    bool is_v2 = false;
  };

  std::string_view text(KeptFile& file) { return file.read(buffer_); }
  void find_memory_bound();
  void find_disk();
  void read_cpu(MachineSample& sample);
  void read_memory(MachineSample& sample);
  void read_disk(MachineSample& sample);
  void read_network(MachineSample& sample);
  std::optional<double> read_pressure(KeptFile& file);

  Clock& clock_;
  const MachineProbeOptions options_;
  std::vector<char> buffer_;
  DescriptorBudget descriptors_;
  KeptFile stat_;
  KeptFile loadavg_;
  KeptFile meminfo_;
  KeptFile diskstats_;
  KeptFile net_dev_;
  std::array<KeptFile, 3> pressure_;  // cpu, memory, io
  std::optional<MemoryBound> bound_;
  std::optional<std::pair<unsigned, unsigned>> disk_;  // major, minor
  std::optional<CpuTicks> cpu_before_;
  std::optional<double> cpu_percent_;
  CounterRate disk_read_rate_;
  CounterRate disk_write_rate_;
  CounterRate received_rate_;
  CounterRate sent_rate_;
};

}  // namespace hearth::agent
