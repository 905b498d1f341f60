#include "agent/probe/process_files.h"

#include <algorithm>

#include "agent/probe/process_parse.h"
#include "agent/probe/text.h"
#include "base/limits.h"

namespace hearth::agent {

std::optional<IoBytes> ProcessIo::read(const std::vector<pid_t>& pids) {
  if (std::ssize(pids) > limits::kProbeProcessesMax) {
    files_.clear();
    return std::nullopt;
  }
  std::erase_if(files_, [&](const auto& file) {
    return std::find(pids.begin(), pids.end(), file.first) == pids.end() ||
           file.second.state() == FileState::Gone;
  });
  IoBytes sum;
  for (const pid_t pid : pids) {
    KeptFile& file = files_
                         .try_emplace(pid, context_.descriptors,
                                      context_.proc_root + "/" + std::to_string(pid) + "/io")
                         .first->second;
    const auto io = parse_process_io(file.read(context_.buffer));
    if (io) {
      sum.read = add_capped(sum.read, io->read);
      sum.written = add_capped(sum.written, io->written);
    } else if (file.state() == FileState::Read || file.state() == FileState::Failed) {
      return std::nullopt;  // it is there and may not be read
    }
  }
  return sum;
}

bool ModelFinder::is_done() const {
  return model_ || looks_ >= limits::kProbeModelLooksMax;
}

const std::optional<std::string>& ModelFinder::look(pid_t first, const std::vector<pid_t>& pids) {
  constexpr std::ptrdiff_t kProcessesMax = 8;
  if (is_done()) {
    return model_;
  }
  ++looks_;
  if (!look_at(first)) {
    const auto end = pids.begin() + std::min(std::ssize(pids), kProcessesMax);
    std::any_of(pids.begin(), end, [&](pid_t pid) { return pid != first && look_at(pid); });
  }
  return model_;
}

bool ModelFinder::look_at(pid_t pid) {
  if (pid > 0) {
    model_ = model_in(
        read_once(context_.proc_root + "/" + std::to_string(pid) + "/cmdline", context_.buffer));
  }
  return model_.has_value();
}

std::optional<Duration> uptime_of(const ReadContext& context, const WorkerTarget& target,
                                  pid_t first) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  if (target.started_ns) {
    return Duration(std::max<std::int64_t>(0, context.clock.monotonic_ns() - *target.started_ns) /
                    kNsPerMs);
  }
  if (first <= 0 || !context.machine_uptime_ms) {
    return std::nullopt;
  }
  const auto stat = parse_process_stat(
      read_once(context.proc_root + "/" + std::to_string(first) + "/stat", context.buffer));
  if (!stat) {
    return std::nullopt;
  }
  return Duration(
      uptime_of_ms(*context.machine_uptime_ms, stat->start_ticks, context.ticks_per_second));
}

}  // namespace hearth::agent
