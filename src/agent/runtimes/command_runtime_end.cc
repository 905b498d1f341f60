// The end of a run, in steps that each wait for the one before: the group is empty, its output is
// read, the group is removed, its files are.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/runtimes/attempt_files.h"
#include "agent/runtimes/command_runtime.h"
#include "base/check.h"

namespace hearth::agent {
namespace {

constexpr int kReadsAtEnd = 64;
constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kResultBytesATurn = 4 * 1024 * 1024;
constexpr Duration kRetryMax{100};
constexpr Duration kRemovePatience{5'000};
constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

void CommandRuntime::begin_end(Run& run) {
  run.phase = Phase::Ending;
  run.ended_ns = deps_.clock.monotonic_ns();
  run.retry = kRetryFirst;
  for (auto* timer : {&run.retry_timer, &run.oom_timer}) {
    if (*timer) {
      deps_.loop.cancel_timer(**timer);
      timer->reset();
    }
  }
  if (run.oom_fd >= 0) {
    deps_.loop.remove_fd(run.oom_fd);
    run.oom_fd = -1;
  }
  if (run.slot) {
    slot_spoke(run);  // the last it said, that it has its script perhaps
    close_control(run);
  }
  advance(run);
}

void CommandRuntime::fail(Run& run, Reason reason, std::string message) {
  run.failure = SpawnFailed{.key = run.key, .reason = reason, .message = std::move(message)};
  begin_end(run);
}

// Takes the end as far as it goes now; what has to wait comes back by retry() or stream_ready().
void CommandRuntime::advance(Run& run) {
  if (run.phase != Phase::Ending) {
    return;
  }
  if (!group_is_empty(run) || !streams_are_read(run) || !results_are_read(run) ||
      !group_is_removed(run)) {
    retry_later(run);
    return;
  }
  run.phase = Phase::Removing;
  if (run.retry_timer) {
    deps_.loop.cancel_timer(*std::exchange(run.retry_timer, std::nullopt));
  }
  remove_files(run);
}

bool CommandRuntime::group_is_empty(Run& run) {
  if (!run.group) {
    return true;
  }
  const auto empty = run.group->empty();
  if (empty && !*empty) {
    kill_group(run);
    return false;
  }
  if (!empty && empty.error().code == ErrorCode::NotFound) {
    look_for_strays(run, empty.error().message);
  }
  if (run.strays && !run.strays->empty().value_or(true)) {
    [[maybe_unused]] const auto killed = run.strays->kill_all();
    return false;
  }
  return true;
}

bool CommandRuntime::streams_are_read(Run& run) {
  bool all = true;
  for (std::size_t stream = 0; stream < kStreams; ++stream) {
    if (!run.streams.at(stream).valid()) {
      continue;
    }
    // Usually a pipe's content at most: its writers are dead. Bounded for the case that one outside
    // the group goes on writing.
    Progress progress = Progress::More;
    for (int i = 0; i < kReadsAtEnd && progress == Progress::More; ++i) {
      progress = read_some(run, stream);
    }
    if (progress == Progress::End) {
      close_stream(run, stream);
    } else {
      all = false;
    }
  }
  const std::int64_t now = deps_.clock.monotonic_ns();
  if (all) {
    return true;
  }
  if (run.drained_by_ns == 0) {
    run.drained_by_ns = now + options_.output_patience.count() * kNsPerMs;
  }
  if (now < run.drained_by_ns) {
    return false;
  }
  for (std::size_t stream = 0; stream < kStreams; ++stream) {
    close_stream(run, stream);
  }
  return true;
}

// Everything of the job is dead, so nothing is changed under us. In turns, so that others have
// theirs.
bool CommandRuntime::results_are_read(Run& run) {
  if (run.wanted_results.empty() || run.leader <= 0) {
    return true;
  }
  if (!run.results) {
    auto folder = open_work(run);
    if (!folder) {
      warn_of(deps_.log, run.key, "a job's result files cannot be read", folder.error());
      return true;
    }
    run.results_folder = std::move(*folder);
    run.results = std::make_unique<ResultFiles>(run.results_folder.get(), run.wanted_results);
  }
  for (std::size_t read = 0; read < kResultBytesATurn;) {
    const std::string piece = run.results->read(kReadBytes);
    if (piece.empty()) {
      run.results.reset();
      run.results_folder.reset();
      run.wanted_results.clear();
      return true;
    }
    events_.on_output(run.key, StreamKind::Results, piece);
    read += piece.size();
  }
  run.retry = kRetryFirst;
  return false;
}

Result<UniqueFd> CommandRuntime::open_work(const Run& run) const {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd folder(run.scratch ? openat(run.scratch->fd(), "work", kFlags)
                              : open(run.folder.c_str(), kFlags));
  if (!folder.valid()) {
    return system_error("open the job's working directory", errno);
  }
  return folder;
}

bool CommandRuntime::group_is_removed(Run& run) {
  if (!run.group) {
    return true;
  }
  const std::int64_t now = deps_.clock.monotonic_ns();
  if (run.removed_by_ns == 0) {
    run.removed_by_ns = now + kRemovePatience.count() * kNsPerMs;
    if (auto usage = run.group->usage()) {
      run.usage = *usage;
    }
  }
  const auto removed = run.group->remove();
  if (!removed && removed.error().code != ErrorCode::NotFound) {
    if (removed.error().code == ErrorCode::FailedPrecondition && now < run.removed_by_ns) {
      return false;
    }
    warn_of(deps_.log, run.key, "a job's group stays behind until the agent starts again",
            removed.error());
  }
  run.group.reset();
  run.strays.reset();
  note_groups();
  return true;
}

void CommandRuntime::remove_files(Run& run) {
  run.scratch.reset();
  run.ids = {};
  if (run.folder.empty() || folders_.give_back(run.folder)) {
    finish(run);
    return;
  }
  const auto remove = [folder = run.folder, key = run.key, &log = deps_.log] {
    if (const auto removed = remove_folder(folder); !removed) {
      warn_of(log, key, "a job's files stay behind until the agent starts again", removed.error());
    }
  };
  if (const auto taken = pool_->submit(remove, [this, &run] { finish(run); }); !taken) {
    deps_.metrics.refused.count(taken.error().limit);
    remove();  // the pool is swamped: then the loop waits, which slows what swamps it
    finish(run);
  }
}

void CommandRuntime::finish(Run& run) {
  by_id_.erase(run.id);
  const auto node = runs_.extract(run.key);
  Run& ended = *node.mapped();
  if (ended.slot && !ended.slot->given) {
    lose_slot(ended);
    return;
  }
  deps_.metrics.running.store(static_cast<std::int64_t>(running()));
  if (ended.slot && !ended.kill_ordered && !ended.launcher_lost) {
    // Nothing of the script has run: its interpreter died before it had it.
    const JobSpec spec = std::move(*ended.slot->given);
    if (const auto plan = plan_process(spec, options_.offer, options_.pids_max)) {
      start_cold(ended.key, spec, *plan, true);
      return;
    }
  }
  (ended.failure ? deps_.metrics.spawns_failed : deps_.metrics.ended).fetch_add(1);
  if (ended.failure) {
    events_.on_spawn_failed(*ended.failure);
    return;
  }
  events_.on_ended(ProcessEnded{
      .key = ended.key,
      .exit_code = ended.exit.exit_code,
      .signal = ended.exit.signal,
      .oom_killed = ended.usage.oom_kills > 0,
      .launcher_lost = ended.launcher_lost,
      .wall_ms = ended.started_ns == 0 ? 0 : (ended.ended_ns - ended.started_ns) / kNsPerMs,
      .cpu_ms = std::max<std::int64_t>(
          0, ended.usage.cpu_ms.value_or(ended.exit.cpu_us / 1'000) - ended.cpu_ms_before),
      .memory_peak_bytes = ended.usage.memory_peak_bytes.value_or(ended.exit.max_rss_bytes),
      .stdout_bytes = ended.bytes[0],
      .stderr_bytes = ended.bytes[1],
      .truncated = false,
  });
}

void CommandRuntime::kill_group(Run& run) {
  const auto killed = run.group->kill_all();
  if (!killed && killed.error().code == ErrorCode::NotFound) {
    look_for_strays(run, killed.error().message);
  } else if (!killed) {
    warn_of(deps_.log, run.key, "could not kill a job's group; trying again", killed.error());
  }
  if (run.strays) {
    [[maybe_unused]] const auto strays_killed = run.strays->kill_all();
  }
}

// An administrator, or another program that tidies up groups, may take a job's processes out of
// their group and remove it. Its limits are lost then, but it must still end when it has to.
void CommandRuntime::look_for_strays(Run& run, const std::string& why) {
  if (run.strays || run.leader <= 0) {
    return;
  }
  auto strays = without_groups_->create(run.group->name(), {});
  HEARTH_CHECK(strays.has_value(), "a group had this name");
  run.strays = std::move(*strays);
  run.strays->set_leader(run.leader);
  deps_.log.warn(
      "somebody took a job's processes out of their group; it has no limits any more, and what is "
      "killed with it is found by session and descent",
      {{"job", to_string(run.key.job)}, {"attempt", run.key.attempt}, {"why", why}});
}

void CommandRuntime::retry_later(Run& run) {
  if (run.retry_timer) {
    return;
  }
  run.retry_timer = deps_.loop.set_timer(run.retry, [this, &run] {
    run.retry_timer.reset();
    retry(run);
  });
  run.retry = std::min(run.retry * 2, kRetryMax);
}

void CommandRuntime::retry(Run& run) {
  if (run.phase == Phase::Ending) {
    advance(run);
  } else if (run.killing) {
    // Not at once: the end of what was just killed is on its way.
    if (run.phase == Phase::Running && run.retry == kRetryMax &&
        run.group->empty().value_or(false)) {
      look_for_strays(run, "the group is empty, and its first process has not ended");
    }
    kill_group(run);
    retry_later(run);
  }
}

}  // namespace hearth::agent
