// GPU figures of nvidia-smi, for machines whose NVML cannot be used: one call for all GPUs and one
// for all processes, whatever the number of workers.
#pragma once

#include <memory>
#include <string>

#include "agent/probe/command_runner.h"
#include "agent/probe/gpu_source.h"

namespace hearth::agent {

class SmiSource final : public GpuSource {
 public:
  // `command`: a path, or a name that is looked for in PATH.
  static Result<std::unique_ptr<SmiSource>> create(Clock& clock, std::string command,
                                                   Duration deadline);

  Result<GpuReading> read() override;
  void cancel() override { runner_->cancel(); }

 private:
  SmiSource(std::string command, std::unique_ptr<CommandRunner> runner)
      : command_(std::move(command)), runner_(std::move(runner)) {}
  Result<std::string> ask(std::string_view query);

  const std::string command_;
  std::unique_ptr<CommandRunner> runner_;
};

}  // namespace hearth::agent
