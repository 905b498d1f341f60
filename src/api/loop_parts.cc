#include "api/loop_parts.h"

#include <utility>

namespace hearth::api {
namespace {

Error queue_full(std::int64_t max) {
  Error error = limit_exceeded("kMailboxCommandsMax", max,
                               "the controller has " + std::to_string(max) +
                                   " requests waiting already; try again in a moment");
  error.kind = "queue_full";
  return error;
}

}  // namespace

ControllerLoop::Impl::Impl(LoopDeps loop_deps, LoopOptions loop_options, LoopStart start)
    : deps(std::move(loop_deps)),
      options(loop_options),
      epoch(start.epoch),
      last_event(start.last_event.value()),
      readers(deps.store, static_cast<std::size_t>(limits::kReadersMax)),
      core_reader(std::move(start.core_reader)),
      writer_reader(std::move(start.writer_reader)),
      retention_reader(std::move(start.retention_reader)),
      core(options.core),
      uses(deps.uploads),
      desk({.outputs = deps.outputs,
            .links = links,
            .metrics = metrics,
            .clock = deps.clock,
            .log = deps.log,
            .post =
                [this](core::Command command) {
                  return !fatal_error() && core_thread.post_report(std::move(command));
                },
            .on_fatal = [this](const Error& error) { fatal(error); }},
           options.storage_retry_max),
      releaser({.reader = *writer_reader,
                .uses = uses,
                .desk = desk,
                .links = links,
                .hub = hub,
                .metrics = metrics,
                .log = deps.log,
                .on_committed = [this](EventSeq seq) { last_event.store(seq.value()); },
                .on_ended = [this](const std::vector<JobId>& jobs) { core_thread.ended(jobs); },
                .on_welcome = [this](std::uint64_t link) { telemetry.link_welcomed(link); }}),
      writer({.store = deps.store,
              .versions = versions,
              .clock = deps.clock,
              .metrics = metrics,
              .log = deps.log,
              .release = [this](std::vector<Turn>& turns) { releaser.release(turns); },
              .on_change = [this] { core_thread.wake(); },
              .on_fatal = [this](const Error& error) { fatal(error); }},
             {.turns_max = static_cast<std::size_t>(options.pipeline_turns_max),
              .retry_initial = options.storage_retry_initial,
              .retry_max = options.storage_retry_max}),
      core_thread({.core = core,
                   .reader = *core_reader,
                   .writer = writer,
                   .published = published,
                   .hub = hub,
                   .clock = deps.clock,
                   .metrics = metrics},
                  {.mailbox_max = static_cast<std::size_t>(options.mailbox_commands_max),
                   .turn_max = static_cast<std::size_t>(options.turn_commands_max)},
                  std::move(start.ended_counts)),
      retention({.reader = *retention_reader,
                 .writer = writer,
                 .outputs = deps.outputs,
                 .uploads = deps.uploads,
                 .clock = deps.clock,
                 .metrics = metrics,
                 .log = deps.log,
                 .on_removed = [this](const auto& jobs) { removed(jobs); }},
                options.retention),
      telemetry({.published = published, .clock = deps.clock},
                {.registry = {.worker_timeout = options.worker_timeout}}) {}

void ControllerLoop::Impl::removed(const std::vector<store::RemovedJob>& jobs) {
  Published::Counts by_state;
  for (const store::RemovedJob& job : jobs) {
    ++by_state[job.state];
  }
  core_thread.removed(by_state);
}

void ControllerLoop::Impl::stop() {
  stopping.store(true);
  core_thread.stop();
  writer.stop();
  retention.stop();
  telemetry.stop();
  desk.stop();
}

void ControllerLoop::Impl::post(core::Command command, ReplySink reply) {
  if (const std::optional<Error> refused = refusal()) {
    metrics.refused_storage.fetch_add(refused->kind == "storage_unavailable" ? 1 : 0);
    answer_error(reply, *refused);
    return;
  }
  Envelope envelope{.command = std::move(command), .reply = std::move(reply)};
  if (core_thread.post(std::move(envelope))) {
    return;
  }
  // Untouched when it was refused (Mailbox::try_push).
  const std::optional<Error> refused = refusal();
  if (!refused) {
    metrics.refused.count("kMailboxCommandsMax");
  }
  // NOLINTNEXTLINE(bugprone-use-after-move)
  answer_error(envelope.reply, refused.value_or(queue_full(options.mailbox_commands_max)));
}

void ControllerLoop::Impl::report(std::uint64_t link, core::Command command) {
  if (!core_thread.post_report(std::move(command))) {
    metrics.refused.count("kMailboxCommandsMax");
    links.reject(link, unavailable("the controller takes no reports now; connect again"));
  }
}

void ControllerLoop::Impl::fatal(const Error& error) {
  {
    const MutexLock lock(mutex_);
    if (fatal_) {
      return;
    }
    fatal_ = error;
  }
  deps.log.error("the controller must restart", {{"error", error.message}});
  deps.on_fatal(error);
}

std::optional<Error> ControllerLoop::Impl::fatal_error() {
  const MutexLock lock(mutex_);
  return fatal_;
}

std::optional<Error> ControllerLoop::Impl::refusal() {
  if (stopping.load()) {
    Error error = unavailable("the controller stops; ask again after its restart");
    error.kind = "draining";
    return error;
  }
  if (std::optional<Error> error = fatal_error()) {
    error->code = ErrorCode::Unavailable;
    error->kind = "storage_unavailable";
    return error;
  }
  return writer.trouble();
}

}  // namespace hearth::api
