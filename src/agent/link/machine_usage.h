// How busy the whole machine is, for heartbeats. What cannot be read is unknown, never zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/agent.h"

namespace hearth::agent {

class MachineUsage {
 public:
  virtual ~MachineUsage() = default;
  // CPU since the last call; unknown at the first.
  virtual AgentUsage read() = 0;
};

// From `<root>/stat` and `<root>/meminfo`. Memory in use is what is not available.
class ProcMachineUsage final : public MachineUsage {
 public:
  explicit ProcMachineUsage(std::string root = "/proc") : root_(std::move(root)) {}
  AgentUsage read() override;

 private:
  struct CpuTicks {
    std::int64_t busy = 0;
    std::int64_t total = 0;
    std::int64_t cpus = 0;
  };
  [[nodiscard]] static std::optional<CpuTicks> parse_cpu(std::string_view stat);
  [[nodiscard]] static std::optional<std::int64_t> parse_memory(std::string_view meminfo);

  const std::string root_;
  std::optional<CpuTicks> last_;
};

}  // namespace hearth::agent
