#include "agent/probe/process_tree_reader.h"

#include <algorithm>
#include <utility>

#include "agent/cgroup/none_driver.h"
#include "agent/probe/process_parse.h"
#include "agent/probe/text.h"
#include "base/error.h"

namespace hearth::agent {
namespace {

constexpr double kPercent = 100;
constexpr std::int64_t kMsPerSecond = 1'000;

std::string value_of_mark(const std::vector<std::string>& marks) {
  const std::string prefix = std::string(kGroupMarkName) + "=";
  for (const std::string& mark : marks) {
    if (mark.starts_with(prefix)) {
      return mark.substr(prefix.size());
    }
  }
  return "";
}

}  // namespace

ProcessTreeReader::ProcessTreeReader(ReadContext& context, WorkerTarget target)
    : context_(context),
      target_(std::move(target)),
      mark_(value_of_mark(target_.marks)),
      process_io_(context),
      model_(context) {
  // The worker has just started, perhaps after the pass over /proc that is at hand.
  context_.processes.expire();
  [[maybe_unused]] const auto line_to_measure_from = read();
}

Result<WorkerSample> ProcessTreeReader::read() {
  const std::vector<pid_t> members = pids();
  if (members.empty()) {
    return not_found("no process of worker " + target_.id + " is left");
  }
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  WorkerSample sample;
  std::int64_t ticks = 0;
  std::int64_t threads = 0;
  for (const pid_t pid : members) {
    const ProcessEntry* const entry = context_.processes.find(pid);
    ticks = add_capped(ticks, entry->stat.cpu_ticks);
    threads = add_capped(threads, entry->stat.threads);
  }
  if (const auto per_second = cpu_rate_.update(ticks, now_ns)) {
    sample.cpu_percent = *per_second * kPercent / static_cast<double>(context_.ticks_per_second);
  }
  sample.cpu_ms = multiply_capped(ticks, kMsPerSecond) / context_.ticks_per_second;
  sample.pids = threads;
  const pid_t first = std::find(members.begin(), members.end(), target_.leader) != members.end()
                          ? target_.leader
                          : members.front();
  sample.pid = first;
  sample.uptime = uptime_of(context_, target_, first);
  sample.model = model_.look(first, members);
  read_memory(members, sample);
  const auto io = process_io_.read(members);
  const auto read = io ? std::optional(io->read) : std::nullopt;
  const auto written = io ? std::optional(io->written) : std::nullopt;
  sample.io_read_bytes_per_sec = rounded(read_rate_.update(read, now_ns));
  sample.io_write_bytes_per_sec = rounded(write_rate_.update(written, now_ns));
  return sample;
}

// Pages that processes share are counted for each of them.
void ProcessTreeReader::read_memory(const std::vector<pid_t>& pids, WorkerSample& sample) {
  std::int64_t resident = 0;
  std::int64_t file = 0;
  bool any = false;
  for (const pid_t pid : pids) {
    const auto memory = parse_statm(
        read_once(context_.proc_root + "/" + std::to_string(pid) + "/statm", context_.buffer));
    if (memory) {
      any = true;
      resident = add_capped(resident, memory->resident_pages);
      file = add_capped(file, memory->file_pages);
    }
  }
  if (!any) {
    return;
  }
  sample.memory_bytes = multiply_capped(resident, context_.page_bytes);
  sample.memory_file_bytes = multiply_capped(file, context_.page_bytes);
  sample.memory_anon_bytes = *sample.memory_bytes - *sample.memory_file_bytes;
  memory_peak_bytes_ = std::max(memory_peak_bytes_.value_or(0), *sample.memory_bytes);
  sample.memory_peak_bytes = memory_peak_bytes_;
}

std::vector<pid_t> ProcessTreeReader::pids() {
  return context_.processes.members_of(target_.leader, mark_);
}

}  // namespace hearth::agent
