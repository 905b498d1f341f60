// Interpreters that are started ahead of their scripts: made, watched, handed over.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "agent/runtimes/command_runtime.h"
#include "agent/runtimes/slot_preload.h"
#include "base/files.h"
#include "base/warm_limits.h"

namespace hearth::agent {
namespace {

// No job has this id.
AttemptKey key_of_slot(SlotId id) {
  return {.job = JobId(), .attempt = 0, .epoch = id};
}

// A script may open its own again, as /dev/stdin, for reading.
Result<UniqueFd> make_memory_file(const char* name) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd.valid() || fchmod(fd.get(), S_IRUSR | S_IRGRP | S_IROTH) != 0) {
    return system_error("make a memory file for an interpreter", errno);
  }
  return fd;
}

// The same file from its start, for reading: descriptors of one open file share their place in it.
Result<UniqueFd> reopened(const UniqueFd& file) {
  UniqueFd fd(open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return system_error("open a memory file for reading", errno);
  }
  return fd;
}

}  // namespace

TimePoint CommandRuntime::now() const {
  return time_from_ms(deps_.clock.monotonic_ns() / 1'000'000);
}

void CommandRuntime::start_slots() {
  std::vector<WarmEffect> effects;
  warm_.start(now(), effects);
  perform(effects);
}

void CommandRuntime::drain() {
  std::vector<WarmEffect> effects;
  warm_.drain(effects);
  perform(effects);
}

// Only once the script is on its way is another interpreter started: it would delay the script.
bool CommandRuntime::start_in_slot(const AttemptKey& key, const JobSpec& spec,
                                   const ProcessPlan& plan) {
  std::vector<WarmEffect> effects;
  const auto slot = warm_.take(plan.language->name, now(), effects);
  bool is_given = false;
  if (slot) {
    Run& run = *find(key_of_slot(*slot));
    const std::int64_t asked_ns = deps_.clock.monotonic_ns();
    const auto given = hand_over(run, key, spec, plan);
    is_given = given.has_value();
    if (is_given) {
      run.asked_ns = asked_ns;
      --slots_;
      deps_.metrics.running.store(static_cast<std::int64_t>(running()));
      tell_started(run);
    } else {
      warn_of(deps_.log, key, "an interpreter that waited could not be given the script",
              given.error());
      kill_run(run);
    }
  }
  perform(effects);
  return is_given;
}

Result<> CommandRuntime::hand_over(Run& run, const AttemptKey& key, const JobSpec& spec,
                                   const ProcessPlan& plan) {
  HEARTH_TRY(run.group->raise_limits(plan.limits));
  for (const PlannedFile& file : plan.files) {
    HEARTH_TRY(run.scratch->write_file(file.path, file.bytes));
  }
  std::vector<std::string> environment = environment_of(key, spec, environment_base(run));
  for (std::string& mark : run.group->env_marks()) {
    environment.push_back(std::move(mark));
  }
  HEARTH_TRY(write_all(run.slot->input.get(), spec.execution.stdin_bytes, "a script's input"));
  HEARTH_TRY(write_all(run.slot->frame.get(), slot_frame(spec.execution.script->args, environment),
                       "what a script is given"));
  if (::send(run.slot->control.get(), &kSlotGo, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) {
    return system_error("wake the interpreter", errno);
  }
  run.slot->given = std::make_unique<JobSpec>(spec);
  run.wanted_results = spec.execution.results;
  auto node = runs_.extract(run.key);
  node.key() = key;
  runs_.insert(std::move(node));
  run.key = key;
  return {};
}

void CommandRuntime::perform(const std::vector<WarmEffect>& effects) {
  for (const WarmEffect& effect : effects) {
    if (const auto* start = std::get_if<StartSlot>(&effect)) {
      start_slot(*start);
    } else {
      kill(key_of_slot(std::get<EndSlot>(effect).id));
    }
  }
  arm_slots();
}

void CommandRuntime::start_slot(const StartSlot& effect) {
  const auto language = options_.offer.languages.find(effect.language);
  Run& run = add_run(key_of_slot(effect.id));
  ++slots_;
  run.slot = std::make_unique<Slot>();
  run.slot->id = effect.id;
  const auto made = language == options_.offer.languages.end()
                        ? Result<>(not_found("no interpreter for " + effect.language))
                        : make_slot(run, language->second);
  if (!made) {
    fail(run, Reason::SandboxError, made.error().message);
  }
}

Result<> CommandRuntime::make_slot(Run& run, const Language& language) {
  const ProcessPlan plan = plan_slot(language, options_.offer);
  HEARTH_TRY(prepare(run, "warm-" + std::to_string(run.slot->id), plan));
  HEARTH_ASSIGN(run.slot->frame, make_memory_file("hearth-frame"));
  HEARTH_ASSIGN(run.slot->input, make_memory_file("hearth-stdin"));
  HEARTH_ASSIGN(const UniqueFd frame, reopened(run.slot->frame));
  HEARTH_ASSIGN(const UniqueFd input, reopened(run.slot->input));
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("make a socket for an interpreter", errno);
  }
  const UniqueFd theirs(ends[1]);
  run.slot->control = UniqueFd(ends[0]);
  HEARTH_TRY(deps_.loop.add_fd(ends[0], Interest::Read, [this, &run](Ready) { slot_spoke(run); }));
  run.slot->deadline = deps_.loop.set_timer(limits::kWarmStartDeadline, [this, &run] {
    run.slot->deadline.reset();
    kill_run(run);
  });
  const EnvironmentBase base = environment_base(run);
  return spawn(run, plan,
               {.environment = {"PATH=" + base.path, "LANG=" + base.lang, "HOME=" + base.home,
                                "TMPDIR=" + base.tmpdir},
                .cwd = {},
                .stdin_fd = input.get(),
                .extra_fds = {theirs.get(), frame.get()}});
}

void CommandRuntime::slot_spoke(Run& run) {
  if (!run.slot->control.valid()) {
    return;
  }
  char said = 0;
  const ssize_t got = ::recv(run.slot->control.get(), &said, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (got == 1 && said == kSlotReady && !run.slot->given) {
    if (run.slot->deadline) {
      deps_.loop.cancel_timer(*std::exchange(run.slot->deadline, std::nullopt));
    }
    if (const auto usage = run.group->usage()) {
      run.cpu_ms_before = usage->cpu_ms.value_or(0);  // from here on it waits, and uses none
    }
    std::vector<WarmEffect> effects;
    warm_.on_ready(run.slot->id, now(), effects);
    perform(effects);
    return;
  }
  const bool is_taken = got == 1 && said == kSlotTaken && run.slot->given;
  close_control(run);
  if (is_taken) {
    run.slot.reset();  // from here on it is a run as any other
  } else {
    kill_run(run);
  }
}

void CommandRuntime::close_control(Run& run) {
  if (!run.slot) {
    return;
  }
  if (run.slot->deadline) {
    deps_.loop.cancel_timer(*std::exchange(run.slot->deadline, std::nullopt));
  }
  if (run.slot->control.valid()) {
    deps_.loop.remove_fd(run.slot->control.get());
    run.slot->control.reset();
  }
}

// `run` is in no table any more.
void CommandRuntime::lose_slot(Run& run) {
  --slots_;
  if (run.failure) {
    deps_.log.warn("an interpreter could not be started ahead of its script",
                   {{"why", run.failure->message}});
  }
  std::vector<WarmEffect> effects;
  warm_.on_lost(run.slot->id, now(), effects);
  perform(effects);
}

void CommandRuntime::pass_time_of_slots() {
  slots_timer_.reset();
  std::vector<WarmEffect> effects;
  warm_.on_time(now(), effects);
  perform(effects);
}

void CommandRuntime::arm_slots() {
  if (slots_timer_) {
    deps_.loop.cancel_timer(*std::exchange(slots_timer_, std::nullopt));
  }
  if (const auto next = warm_.next_deadline()) {
    slots_timer_ = deps_.loop.set_timer(std::max(Duration(0), *next - now()),
                                        [this] { pass_time_of_slots(); });
  }
  const WarmCounts& counts = warm_.counts();
  deps_.metrics.warm_ready.store(counts.ready);
  deps_.metrics.warm_starting.store(counts.starting);
  deps_.metrics.warm_hits.store(counts.hits);
  deps_.metrics.warm_misses.store(counts.misses);
  deps_.metrics.warm_expired.store(counts.expired);
  deps_.metrics.warm_failed.store(counts.failed);
}

}  // namespace hearth::agent
