#include "agent/probe/smi_source.h"

#include <string_view>
#include <utility>

#include "agent/probe/smi_parse.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr int kExitNoDevice = 6;
constexpr std::size_t kShownBytesMax = 200;

std::string garbled_lines(int count) {
  return std::to_string(count) + " line(s) of nvidia-smi cannot be understood";
}

}  // namespace

Result<std::unique_ptr<SmiSource>> SmiSource::create(Clock& clock, std::string command,
                                                     Duration deadline) {
  HEARTH_ASSIGN(auto runner,
                CommandRunner::create(
                    clock, {.deadline = deadline, .output_bytes_max = limits::kGpuAnswerBytesMax}));
  return std::unique_ptr<SmiSource>(new SmiSource(std::move(command), std::move(runner)));
}

Result<GpuReading> SmiSource::read() {
  HEARTH_ASSIGN(const std::string gpu_text, ask(kSmiGpuQuery));
  SmiGpus gpus = parse_smi_gpus(gpu_text);
  if (gpus.gpus.empty()) {
    return gpus.garbled > 0 ? Error{.code = ErrorCode::DataLoss,
                                    .message = "no GPU among " + garbled_lines(gpus.garbled)}
                            : not_found("nvidia-smi lists no GPU");
  }
  GpuReading reading;
  int garbled = gpus.garbled;
  // Without it the GPUs' own figures are still worth having.
  if (const auto process_text = ask(kSmiProcessQuery)) {
    SmiProcesses processes = parse_smi_processes(*process_text, gpus);
    reading.processes = std::move(processes.processes);
    garbled += processes.garbled;
  } else {
    reading.problem = process_text.error().message;
  }
  if (garbled > 0 && reading.problem.empty()) {
    reading.problem = garbled_lines(garbled);
  }
  reading.gpus = std::move(gpus.gpus);
  return reading;
}

Result<std::string> SmiSource::ask(std::string_view query) {
  HEARTH_ASSIGN(CommandAnswer answer,
                runner_->run({command_, std::string(query), std::string(kSmiFormat)}));
  if (answer.exit_code == 0) {
    return std::move(answer.output);
  }
  const std::string said =
      answer.output.substr(0, std::min(answer.output.find('\n'), kShownBytesMax));
  if (answer.exit_code == kExitNoDevice) {
    return not_found("nvidia-smi: " + said);
  }
  return unavailable("nvidia-smi ended with exit code " + std::to_string(answer.exit_code) +
                     (said.empty() ? "" : ": " + said));
}

}  // namespace hearth::agent
