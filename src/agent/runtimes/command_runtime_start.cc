// The start of a run: what it needs is made, then the launcher is asked.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/runtimes/attempt_files.h"
#include "agent/runtimes/command_runtime.h"

namespace hearth::agent {

CommandRuntime::Run& CommandRuntime::add_run(const AttemptKey& key) {
  Run& run = *runs_.emplace(key, std::make_unique<Run>()).first->second;
  run.key = key;
  run.id = ++last_id_;
  run.asked_ns = deps_.clock.monotonic_ns();
  by_id_.emplace(run.id, &run);
  return run;
}

void CommandRuntime::start(const AttemptKey& key, const JobSpec& spec) {
  if (runs_.contains(key)) {
    return;
  }
  const auto plan = plan_process(spec, options_.offer, options_.pids_max);
  if (!plan) {
    fail(add_run(key), Reason::SandboxError, plan.error().message);
    return;
  }
  if (!fits_slot(spec, *plan, options_.offer) || !start_in_slot(key, spec, *plan)) {
    start_cold(key, spec, *plan, false);
  }
}

void CommandRuntime::start_cold(const AttemptKey& key, const JobSpec& spec, const ProcessPlan& plan,
                                bool is_told) {
  Run& run = add_run(key);
  run.is_told = is_told;
  deps_.metrics.running.store(static_cast<std::int64_t>(running()));
  if (spec.execution.upload.empty()) {
    start_process(run, spec, plan, -1);
  } else {
    wait_for_upload(run, spec);
  }
}

void CommandRuntime::wait_for_upload(Run& run, const JobSpec& spec) {
  if (deps_.uploads == nullptr || spec.scheduling.sandbox == SandboxLevel::None) {
    fail(run, Reason::SandboxError,
         "uploads are unpacked in a sandbox, and this agent or this job has none");
    return;
  }
  run.is_waiting = true;
  deps_.uploads->get(run.key, spec.execution.upload, [this, &run, spec](Result<UniqueFd> upload) {
    run.is_waiting = false;
    const auto plan = plan_process(spec, options_.offer, options_.pids_max);
    if (!upload || !plan) {
      fail(run, Reason::SandboxError, (upload ? plan.error() : upload.error()).message);
      return;
    }
    start_process(run, spec, *plan, upload->get());
  });
}

void CommandRuntime::start_process(Run& run, const JobSpec& spec, const ProcessPlan& plan,
                                   int upload_fd) {
  run.wanted_results = spec.execution.results;
  auto started = prepare(run, attempt_name(run.key), plan);
  auto input = make_stdin(spec.execution.stdin_bytes);
  if (started && !input) {
    started = input.error();
  }
  if (started) {
    started = spawn(run, plan,
                    {.environment = environment_of(run.key, spec, environment_base(run)),
                     .cwd = spec.execution.cwd,
                     .stdin_fd = input->get(),
                     .extra_fds = {},
                     .upload_fd = upload_fd});
  }
  deps_.metrics.spawns_waiting.store(static_cast<std::int64_t>(deps_.launcher.waiting()));
  if (!started) {
    fail_start(run, started.error(), plan.level);
  }
}

void CommandRuntime::fail_start(Run& run, const Error& error, SandboxLevel level) {
  deps_.metrics.refused.count(error.limit);
  const Reason reason = error.code == ErrorCode::Unavailable ? Reason::LauncherLost
                        : level == SandboxLevel::None        ? Reason::SpawnFailed
                                                             : Reason::SandboxError;
  fail(run, reason, error.message);
}

EnvironmentBase CommandRuntime::environment_base(const Run& run) const {
  if (run.scratch) {
    return {.path = options_.path,
            .lang = options_.lang,
            .home = std::string(kSandboxHome),
            .tmpdir = std::string(kSandboxTmp)};
  }
  return {.path = options_.path,
          .lang = options_.lang,
          .home = options_.home.empty() ? run.folder : options_.home,
          .tmpdir = tmp_below(run.folder)};
}

Result<> CommandRuntime::prepare(Run& run, const std::string& name, const ProcessPlan& plan) {
  auto group = deps_.groups.create(name, plan.limits);
  if (!group) {
    return group.error().with_context("make the job's group");
  }
  run.group = std::move(*group);
  note_groups();
  if (plan.level != SandboxLevel::None) {
    return prepare_sandbox(run, plan);
  }
  HEARTH_ASSIGN(run.folder, folders_.take());
  return {};
}

Result<> CommandRuntime::prepare_sandbox(Run& run, const ProcessPlan& plan) {
  ScratchOptions options = plan.scratch;
  options.uid = plan.sandbox.uid;
  options.gid = plan.sandbox.gid;
  if (deps_.ids != nullptr) {
    HEARTH_ASSIGN(run.ids, deps_.ids->take());
    options.id_base = run.ids.base();
  }
  HEARTH_ASSIGN(run.scratch, Scratch::create(options));
  for (const PlannedFile& file : plan.files) {
    HEARTH_TRY(run.scratch->write_file(file.path, file.bytes));
  }
  return {};
}

// So that it can open /dev/stdout, to write.
Result<> CommandRuntime::give_to_task(const UniqueFd& pipe, const SandboxPlan& sandbox,
                                      const Run& run) const {
  const bool is_given = deps_.ids == nullptr || fchown(pipe.get(), run.ids.base() + sandbox.uid,
                                                       run.ids.base() + sandbox.gid) == 0;
  if (!is_given || fchmod(pipe.get(), S_IWUSR) != 0) {
    return system_error("give a job the pipes for its output", errno);
  }
  return {};
}

Result<> CommandRuntime::spawn(Run& run, const ProcessPlan& plan, Given given) {
  std::array<StreamPipe, kStreams> pipes;
  for (std::size_t stream = 0; stream < kStreams; ++stream) {
    HEARTH_ASSIGN(pipes.at(stream), make_stream_pipe());
    if (run.scratch) {
      HEARTH_TRY(give_to_task(pipes.at(stream).write_end, plan.sandbox, run));
    }
    const int fd = pipes.at(stream).read_end.get();
    run.streams.at(stream) = std::move(pipes.at(stream).read_end);
    HEARTH_TRY(deps_.loop.add_fd(fd, Interest::Read,
                                 [this, &run, stream](Ready) { stream_ready(run, stream); }));
  }
  SpawnRequest request;
  request.id = run.id;
  request.command = plan.command;
  request.env = std::move(given.environment);
  request.cwd = given.cwd;
  request.join_paths = run.group->join_paths();
  request.kill_paths = run.group->kill_paths();
  request.stdin_fd = given.stdin_fd;
  request.stdout_fd = pipes[0].write_end.get();
  request.stderr_fd = pipes[1].write_end.get();
  request.extra_fds = std::move(given.extra_fds);
  if (run.scratch) {
    request.sandbox = plan.sandbox;
    if (deps_.ids != nullptr) {
      request.sandbox->id_base = run.ids.base();
    }
    request.sandbox->scratch_fd = run.scratch->fd();
    request.sandbox->upload_fd = given.upload_fd;
  } else {
    request.uid = options_.uid;
    request.gid = options_.gid;
  }
  if (request.cwd.empty()) {
    request.cwd = run.scratch ? std::string(kSandboxHome) : run.folder;
  }
  for (std::string& mark : run.group->env_marks()) {
    request.env.push_back(std::move(mark));
  }
  return deps_.launcher.spawn(request);
}

}  // namespace hearth::agent
