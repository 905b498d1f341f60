#include "agent/runtimes/command_runtime.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/runtimes/attempt_files.h"
#include "agent/runtimes/attempt_plan.h"
#include "base/check.h"

namespace hearth::agent {
namespace {

constexpr int kPoolThreads = 2;
constexpr std::size_t kReadBytes = 64 * 1024;
// Jobs shorter than this are looked at once, at their end.
constexpr Duration kWatchOomAfter{100};
constexpr Duration kCheckOomAgain{20};
constexpr int kCheckOomTimes = 50;
constexpr Duration kRestartAgain{1'000};

}  // namespace

CommandRuntime::CommandRuntime(const Deps& deps, Options options)
    : deps_(deps),
      options_(std::move(options)),
      warm_(options_.warm),
      folders_(options_.attempts_dir, options_.uid, options_.gid),
      buffer_(kReadBytes) {
  auto pool = WorkPool::create(deps_.loop, kPoolThreads);
  HEARTH_CHECK(pool.has_value(), "an eventfd and two threads are there at the agent's start");
  pool_ = std::move(*pool);
  auto without_groups = make_cgroup_driver(
      Enforcement::None, {.cgroup_root = {}, .instance = "strays", .force_none = true});
  HEARTH_CHECK(without_groups.has_value(), "processes can be found everywhere");
  without_groups_ = std::move(*without_groups);
  deps_.launcher.set_events({
      .on_spawned = [this](const SpawnOutcome& outcome) { on_spawned(outcome); },
      .on_exited = [this](const ExitOutcome& outcome) { on_exited(outcome); },
      .on_lost = [this](const std::string& why) { on_launcher_lost(why); },
  });
  const auto watched = deps_.loop.add_fd(deps_.launcher.fd(), Interest::Read,
                                         [this](Ready) { deps_.launcher.process_events(); });
  HEARTH_CHECK(watched.has_value(), "the launcher's descriptor can be watched");
}

CommandRuntime::~CommandRuntime() {
  pool_.reset();
  deps_.loop.remove_fd(deps_.launcher.fd());
  deps_.launcher.set_events({});
  for (const auto& timer : {restart_timer_, slots_timer_}) {
    if (timer) {
      deps_.loop.cancel_timer(*timer);
    }
  }
  for (const auto& [key, run] : runs_) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
      close_stream(*run, stream);
    }
    if (run->oom_fd >= 0) {
      deps_.loop.remove_fd(run->oom_fd);
    }
    close_control(*run);
    if (run->is_waiting) {
      deps_.uploads->forget(key);
    }
    for (const auto& timer : {run->retry_timer, run->oom_timer}) {
      if (timer) {
        deps_.loop.cancel_timer(*timer);
      }
    }
  }
}

void CommandRuntime::terminate(const AttemptKey& key) {
  Run* run = find(key);
  if (run != nullptr && run->phase == Phase::Running) {
    if (const auto sent = deps_.launcher.signal(run->id, SIGTERM); !sent) {
      warn_of(deps_.log, key, "could not send SIGTERM", sent.error());
    }
  }
}

void CommandRuntime::kill(const AttemptKey& key) {
  Run* run = find(key);
  if (run != nullptr) {
    run->kill_ordered = true;
    kill_run(*run);
  }
}

void CommandRuntime::kill_run(Run& run) {
  if (run.phase >= Phase::Ending) {
    return;  // its end kills what is left anyway
  }
  run.killing = true;
  if (run.is_waiting) {
    run.is_waiting = false;
    deps_.uploads->forget(run.key);
    fail(run, Reason::SpawnFailed, "stopped while it waited for its upload");
    return;
  }
  kill_group(run);
  if (!run.retry_timer) {
    run.retry = kRetryFirst;
    retry_later(run);
  }
}

std::optional<CommandRuntime::Whereabouts> CommandRuntime::whereabouts(const AttemptKey& key) {
  const Run* run = find(key);
  if (run == nullptr || run->phase != Phase::Running) {
    return std::nullopt;
  }
  return Whereabouts{.folders = run->group->folders(),
                     .marks = run->group->env_marks(),
                     .leader = run->leader,
                     .started_ns = run->started_ns};
}

void CommandRuntime::on_spawned(const SpawnOutcome& outcome) {
  Run* run = find(outcome.id);
  if (run == nullptr || run->phase != Phase::Starting) {
    return;
  }
  if (outcome.pid <= 0) {
    fail(*run, outcome.reason, outcome.message);
    return;
  }
  run->phase = Phase::Running;
  run->leader = outcome.pid;
  run->started_ns = deps_.clock.monotonic_ns();
  deps_.metrics.spawns_waiting.store(static_cast<std::int64_t>(deps_.launcher.waiting()));
  run->group->set_leader(outcome.pid);
  if (run->killing) {
    kill_group(*run);
  }
  if (!run->slot) {
    tell_started(*run);
  }
}

void CommandRuntime::tell_started(Run& run) {
  run.started_ns = deps_.clock.monotonic_ns();
  deps_.metrics.spawn.observe_ns(run.started_ns - run.asked_ns);
  deps_.metrics.started.fetch_add(1);
  run.oom_timer = deps_.loop.set_timer(kWatchOomAfter, [this, run = &run] {
    run->oom_timer.reset();
    watch_oom(*run);
  });
  if (!std::exchange(run.is_told, true)) {
    events_.on_spawned(SpawnDone{.key = run.key});
  }
}

void CommandRuntime::on_exited(const ExitOutcome& outcome) {
  Run* run = find(outcome.id);
  if (run == nullptr || run->phase != Phase::Running) {
    return;
  }
  run->exit = outcome;
  begin_end(*run);
}

void CommandRuntime::on_launcher_lost(const std::string& why) {
  deps_.log.error("the launcher is lost; what it started is killed, another is started",
                  {{"why", why}, {"attempts", runs_.size()}});
  restart_launcher();
  std::vector<AttemptKey> lost;
  for (const auto& [key, run] : runs_) {
    if (run->phase < Phase::Ending) {
      lost.push_back(key);
    }
  }
  for (const AttemptKey& key : lost) {
    if (Run* run = find(key); run != nullptr && run->phase < Phase::Ending) {
      run->launcher_lost = true;
      begin_end(*run);
    }
  }
}

void CommandRuntime::restart_launcher() {
  restart_timer_.reset();
  if (const auto started = deps_.launcher.restart(); !started) {
    deps_.log.error("cannot start the launcher; trying again", {{"why", started.error().message}});
    restart_timer_ = deps_.loop.set_timer(kRestartAgain, [this] { restart_launcher(); });
    return;
  }
  deps_.metrics.launcher_restarts.fetch_add(1);
}

void CommandRuntime::note_groups() {
  const GroupCounts counts = deps_.groups.counts();
  deps_.metrics.groups_made.store(counts.made);
  deps_.metrics.groups_reused.store(counts.reused);
  deps_.metrics.groups_kept.store(counts.kept);
}

// One read a turn: with level-triggered events the loop comes back, after everybody else's turn.
void CommandRuntime::stream_ready(Run& run, std::size_t stream) {
  if (read_some(run, stream) == Progress::End) {
    close_stream(run, stream);
    if (run.phase == Phase::Ending) {
      advance(run);
    }
  }
}

CommandRuntime::Progress CommandRuntime::read_some(Run& run, std::size_t stream) {
  const ssize_t got = read(run.streams.at(stream).get(), buffer_.data(), buffer_.size());
  if (got > 0 && run.slot && !run.slot->given) {
    deps_.log.warn(
        "an interpreter that waited for its script has written something; it is ended",
        {{"text",
          std::string(buffer_.data(), std::min<std::size_t>(static_cast<std::size_t>(got), 200))}});
    kill_run(run);
    return Progress::More;
  }
  if (got > 0) {
    run.bytes.at(stream) += got;
    deps_.metrics.output_bytes.fetch_add(static_cast<std::uint64_t>(got));
    events_.on_output(run.key, kStreamKinds.at(stream),
                      std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
    return Progress::More;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Progress::Blocked : Progress::End;
}

void CommandRuntime::close_stream(Run& run, std::size_t stream) {
  UniqueFd& fd = run.streams.at(stream);
  if (fd.valid()) {
    deps_.loop.remove_fd(fd.get());
    fd.reset();
  }
}

void CommandRuntime::watch_oom(Run& run) {
  const auto watch = run.group->watch_oom();
  if (!watch) {
    warn_of(deps_.log, run.key,
            "cannot watch a job's memory; running out of it is seen at its end only",
            watch.error());
    return;
  }
  if (*watch < 0) {
    return;
  }
  const auto added = deps_.loop.add_fd(*watch, Interest::Read, [this, &run](Ready) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(run.oom_fd, &ignored, sizeof ignored);
    run.oom_checks_left = kCheckOomTimes;
    check_oom(run);
  });
  if (added) {
    run.oom_fd = *watch;
  }
  check_oom(run);  // it may have happened before
}

// The notice comes before the kernel has chosen and counted a victim, and it may find none: only a
// count ends the job.
void CommandRuntime::check_oom(Run& run) {
  const auto usage = run.group->usage();
  if (usage && usage->oom_kills > 0) {
    kill_run(run);
  } else if (run.oom_checks_left > 0 && !run.oom_timer) {
    --run.oom_checks_left;
    run.oom_timer = deps_.loop.set_timer(kCheckOomAgain, [this, &run] {
      run.oom_timer.reset();
      check_oom(run);
    });
  }
}

void CommandRuntime::warn_of(Log& log, const AttemptKey& key, std::string_view what,
                             const Error& why) {
  log.warn(what, {{"job", to_string(key.job)}, {"attempt", key.attempt}, {"why", why.message}});
}

CommandRuntime::Run* CommandRuntime::find(const AttemptKey& key) {
  const auto found = runs_.find(key);
  return found == runs_.end() ? nullptr : found->second.get();
}

CommandRuntime::Run* CommandRuntime::find(SpawnId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

}  // namespace hearth::agent
