#include "agent/host/agent_shell.h"

#include <algorithm>
#include <utility>

#include "wire/job_codec.h"

namespace hearth::agent {
namespace {

Result<JobSpec> decode(const AssignOrder& order) {
  HEARTH_ASSIGN(JobSpec spec, wire::decode_job_spec(order.spec));
  HEARTH_ASSIGN(spec.execution.secret_env, wire::decode_secrets(order.secrets));
  return spec;
}

// One attempt, one worker: a command's process serves nobody else.
WorkerId worker_of(const AttemptKey& key) {
  return WorkerId(to_string(key.job) + "-" + std::to_string(key.attempt));
}

}  // namespace

AgentShell::AgentShell(const Deps& deps, AgentInfo info, Events events)
    : deps_(deps), info_(std::move(info)), events_(std::move(events)) {
  deps_.runtime.set_events({
      .on_spawned = [this](const SpawnDone& done) { on_spawned(done); },
      .on_spawn_failed =
          [this](const SpawnFailed& failed) {
            deps_.telemetry.ended(worker_of(failed.key));
            handle(failed);
          },
      .on_output = [this](const AttemptKey& key, StreamKind stream,
                          std::string_view bytes) { on_output(key, stream, bytes); },
      .on_ended =
          [this](ProcessEnded ended) {
            for (const StreamKind stream : kStreamKinds) {
              bytes_of(ended, stream) = deps_.spool.size({ended.key, stream});
            }
            ended.truncated = deps_.spool.truncated(ended.key);
            deps_.telemetry.ended(worker_of(ended.key));
            log_end(ended);
            handle(ended);
          },
  });
}

AgentShell::~AgentShell() {
  deps_.link.close();
  if (timer_) {
    deps_.loop.cancel_timer(*timer_);
  }
}

LinkHello AgentShell::hello() {
  return {info_, core_.held(), core_.controller_epoch_seen()};
}

void AgentShell::on_order(const AgentCommand& order) {
  if (std::holds_alternative<LinkUp>(order)) {
    deps_.metrics.links.fetch_add(1);
    deps_.metrics.linked.store(1);
  } else if (std::holds_alternative<LinkDown>(order)) {
    deps_.metrics.linked.store(0);
  }
  handle(order);
  if (std::holds_alternative<LinkUp>(order) && !std::exchange(ready_, true)) {
    events_.on_ready();
  }
}

void AgentShell::on_assign(AssignOrder order) {
  Result<JobSpec> spec = decode(order);
  Assign assign{.controller_epoch = order.controller_epoch, .key = order.key};
  if (spec) {
    assign.timeout = spec->execution.timeout;
    assign.grace = spec->execution.grace;
    assign.kill_on_output_limit = spec->execution.on_output_limit == OnOutputLimit::Kill;
  }
  if (holds(order.key)) {
    return;  // said twice
  }
  specs_.insert_or_assign(order.key, std::move(spec));
  handle(assign);
  if (!holds(order.key)) {
    specs_.erase(order.key);
  }
}

void AgentShell::on_rejected(const Error& error) {
  if (!ready_) {
    events_.on_refused(error);
  } else if (std::exchange(last_refusal_, error.message) != error.message) {
    deps_.log.error("the controller refuses this agent; trying again", {{"why", error.message}});
  }
}

bool AgentShell::holds(const AttemptKey& key) const {
  const std::vector<HeldState> held = core_.held();
  return std::any_of(held.begin(), held.end(),
                     [&key](const HeldState& state) { return state.key == key; });
}

void AgentShell::handle(AgentCommand command) {
  waiting_.push_back(std::move(command));
  if (std::exchange(busy_, true)) {
    return;
  }
  while (!waiting_.empty()) {
    const AgentCommand next = std::move(waiting_.front());
    waiting_.pop_front();
    std::vector<AgentEffect> effects;
    core_.handle(next, now(), effects);
    for (const AgentEffect& effect : effects) {
      std::visit([this](const auto& value) { perform(value); }, effect);
    }
  }
  busy_ = false;
  arm_timer();
}

void AgentShell::perform(const StartProcess& effect) {
  auto spec = specs_.extract(effect.key);
  if (!spec || !spec.mapped()) {
    handle(SpawnFailed{.key = effect.key,
                       .reason = Reason::SpawnFailed,
                       .message = spec ? "the agent cannot read the job it was sent: " +
                                             spec.mapped().error().message
                                       : "the agent was not told what to run"});
    return;
  }
  deps_.log.info("starting", {{"job", to_string(effect.key.job)}, {"attempt", effect.key.attempt}});
  deps_.telemetry.starting({.id = worker_of(effect.key),
                            .runtime = spec.mapped()->execution.script ? "script" : "command",
                            .jobs = {effect.key.job}});
  deps_.runtime.start(effect.key, *spec.mapped());
}

void AgentShell::on_spawned(const SpawnDone& done) {
  if (auto found = deps_.runtime.whereabouts(done.key)) {
    deps_.telemetry.started(worker_of(done.key), {.folders = std::move(found->folders),
                                                  .leader = found->leader,
                                                  .marks = std::move(found->marks),
                                                  .started_ns = found->started_ns});
  }
  handle(done);
}

void AgentShell::log_end(const ProcessEnded& ended) {
  if (deps_.log.is_on(LogLevel::Debug)) {
    deps_.log.debug("ended", {{"job", to_string(ended.key.job)},
                              {"attempt", ended.key.attempt},
                              {"exit_code", ended.exit_code.value_or(-1)},
                              {"signal", ended.signal.value_or(0)},
                              {"wall_ms", ended.wall_ms}});
  }
}

void AgentShell::perform(const TerminateGroup& effect) {
  deps_.telemetry.set_state(worker_of(effect.key), WorkerState::Stopping);
  deps_.runtime.terminate(effect.key);
}

void AgentShell::perform(const KillGroup& effect) {
  deps_.telemetry.set_state(worker_of(effect.key), WorkerState::Stopping);
  deps_.runtime.kill(effect.key);
}

void AgentShell::perform(const ReportStarted& effect) {
  deps_.link.report_started(effect.key);
}

void AgentShell::perform(const ReportFinished& effect) {
  deps_.link.report_finished(effect.key, effect.result);
}

void AgentShell::perform(const ForgetAttempt& effect) {
  specs_.erase(effect.key);
  deps_.link.forget_output(effect.key);
  deps_.spool.forget(effect.key);
  note_spool();
}

void AgentShell::note_spool() {
  deps_.metrics.spool_bytes.store(deps_.spool.bytes_kept());
  deps_.metrics.spool_dropped_bytes.store(static_cast<std::uint64_t>(deps_.spool.bytes_dropped()));
}

void AgentShell::perform(const SayDraining& /*effect*/) {
  deps_.link.say_draining();
}

void AgentShell::perform(const Drained& /*effect*/) {
  events_.on_drained();
}

void AgentShell::on_output(const AttemptKey& key, StreamKind stream, std::string_view bytes) {
  const OutputStreamKey id{key, stream};
  const bool was_past = deps_.spool.past_bound(id);
  deps_.link.output_grew(id, deps_.spool.append(id, bytes));
  note_spool();
  if (!was_past && deps_.spool.past_bound(id)) {
    handle(OutputLimitReached{key});
  }
}

void AgentShell::arm_timer() {
  if (timer_) {
    deps_.loop.cancel_timer(*std::exchange(timer_, std::nullopt));
  }
  if (const std::optional<TimePoint> next = core_.next_deadline()) {
    timer_ = deps_.loop.set_timer(std::max(Duration(0), *next - now()), [this] {
      timer_.reset();
      handle(TimePassed{});
    });
  }
}

// AgentCore's times are monotonic, so that a stepped clock neither ends nor prolongs a job.
TimePoint AgentShell::now() {
  return time_from_ms(deps_.clock.monotonic_ns() / 1'000'000);
}

}  // namespace hearth::agent
