#include "api/controller_loop.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "api/loop_parts.h"
#include "api/views.h"
#include "wire/job_codec.h"

namespace hearth::api {
namespace {

Result<core::Snapshot> to_snapshot(store::Recovery&& recovery, store::Reader& reader,
                                   UploadUses& uses) {
  core::Snapshot snapshot{.controller_epoch = recovery.controller_epoch,
                          .last_seq = recovery.last_seq,
                          .last_job_id = recovery.last_job_id,
                          .jobs = {},
                          .ended_dependencies = {},
                          .agents = std::move(recovery.agents)};
  snapshot.jobs.reserve(recovery.jobs.size());
  std::set<JobId> named;
  for (store::LiveJobRow& row : recovery.jobs) {
    Result<JobSpec> spec = wire::decode_job_spec(row.spec);
    if (!spec) {
      return spec.error().with_context("recover job " + to_string(row.record.id));
    }
    for (const Dependency& dependency : spec->scheduling.after) {
      named.insert(dependency.job);
    }
    uses.restore(row.record.id, spec->execution.upload);
    snapshot.jobs.push_back({.record = std::move(row.record),
                             .spec = std::move(spec->scheduling),
                             .idempotency_key = std::move(row.idempotency_key),
                             .payload_bytes = static_cast<std::int64_t>(row.spec.size())});
  }
  for (const core::RestoredJob& job : snapshot.jobs) {
    named.erase(job.record.id);
  }
  if (!named.empty()) {
    HEARTH_ASSIGN(snapshot.ended_dependencies, reader.states({named.begin(), named.end()}));
  }
  return snapshot;
}

core::SubmitItem to_item(SubmitRequestItem&& request) {
  JobSpec& spec = request.spec;
  auto payload = std::make_shared<JobPayload>();
  payload->spec = wire::encode_job_spec(spec);
  payload->secrets = wire::encode_secrets(spec.execution.secret_env);
  payload->name = spec.name;
  payload->labels = spec.labels;
  payload->upload = spec.execution.upload;
  payload->has_callback = !spec.callback_url.empty();
  const auto bytes = static_cast<std::int64_t>(payload->spec.size() + payload->secrets.size());
  return {.spec = std::move(spec.scheduling),
          .after_refs = std::move(request.after_refs),
          .idempotency_key = std::move(spec.idempotency_key),
          .retry_of = spec.retry_of,
          .payload = std::move(payload),
          .payload_bytes = bytes,
          .existing = std::nullopt,
          .ended_dependencies = {}};
}

// A copy of an ended job's spec, to be submitted as a new job.
Result<JobSpec> spec_of_retry(JobView&& ended) {
  const std::string job = "job " + to_string(ended.record.id);
  if (!is_final(ended.record.state)) {
    return Error{.code = ErrorCode::FailedPrecondition,
                 .message = "retry " + job + ": it is " +
                            std::string(to_string(ended.record.state)) +
                            "; wait for its end or cancel it first",
                 .kind = "not_finished"};
  }
  if (ended.spec.execution.has_secrets) {
    return Error{.code = ErrorCode::Unimplemented,
                 .message = "retry " + job +
                            ": its secretEnv was erased when it ended; submit it again with the "
                            "secrets",
                 .kind = "not_supported"};
  }
  JobSpec spec = std::move(ended.spec);
  spec.idempotency_key.clear();
  spec.retry_of = ended.record.id;
  return spec;
}

}  // namespace

ControllerLoop::ControllerLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ControllerLoop::~ControllerLoop() {
  stop();
}

Result<std::unique_ptr<ControllerLoop>> ControllerLoop::start(LoopDeps deps, LoopOptions options) {
  HEARTH_ASSIGN(store::Recovery recovery, deps.store.recover());
  LoopStart start{.epoch = recovery.controller_epoch,
                  .last_event = recovery.last_seq,
                  .ended_counts = {},
                  .core_reader = nullptr,
                  .writer_reader = nullptr,
                  .retention_reader = nullptr};
  HEARTH_ASSIGN(start.core_reader, deps.store.reader());
  HEARTH_ASSIGN(start.writer_reader, deps.store.reader());
  HEARTH_ASSIGN(start.retention_reader, deps.store.reader());
  HEARTH_ASSIGN(start.ended_counts, start.core_reader->counts());
  auto impl = std::make_unique<Impl>(std::move(deps), options, std::move(start));
  HEARTH_ASSIGN(const core::Snapshot snapshot,
                to_snapshot(std::move(recovery), *impl->core_reader, impl->uses));
  impl->core.restore(snapshot, impl->deps.clock.now());
  for (const core::RestoredJob& job : snapshot.jobs) {
    impl->desk.restore(job.record);
  }
  impl->desk.start();
  impl->writer.start();
  impl->core_thread.start();
  impl->retention.start();
  impl->telemetry.start();
  return std::unique_ptr<ControllerLoop>(new ControllerLoop(std::move(impl)));
}

void ControllerLoop::stop() {
  impl_->stop();
}

void ControllerLoop::wake() {
  impl_->core_thread.wake();
  impl_->desk.wake();
  impl_->retention.wake();
  impl_->telemetry.wake();
}

MetricsSnapshot ControllerLoop::metrics() {
  MetricsSnapshot snapshot = impl_->metrics.snapshot();
  snapshot.mailbox_depth = static_cast<std::int64_t>(impl_->core_thread.depth());
  snapshot.turns_waiting = static_cast<std::int64_t>(impl_->writer.waiting());
  snapshot.events_waiting = static_cast<std::int64_t>(impl_->writer.waiting_events());
  std::tie(snapshot.readers, snapshot.readers_lent) = impl_->readers.count();
  snapshot.links = static_cast<std::int64_t>(impl_->links.size());
  snapshot.watchers = static_cast<std::int64_t>(impl_->hub.size());
  snapshot.finishes_waiting = impl_->desk.finishes_waiting();
  snapshot.telemetry = impl_->telemetry.counts();
  snapshot.telemetry_apply = impl_->telemetry.report_time().snapshot();
  snapshot.storage_ok = !impl_->writer.trouble() && !impl_->desk.trouble();
  return snapshot;
}

TelemetryApi& ControllerLoop::telemetry() {
  return impl_->telemetry;
}

void ControllerLoop::submit(std::vector<SubmitRequestItem> items, Callback<SubmitResults> done) {
  if (static_cast<std::int64_t>(items.size()) > limits::kBatchItemsMax) {
    done(limit_exceeded("kBatchItemsMax", limits::kBatchItemsMax,
                        "submit " + std::to_string(items.size()) + " jobs at once: at most " +
                            std::to_string(limits::kBatchItemsMax) + " fit into one batch"));
    return;
  }
  core::Submit command;
  command.items.reserve(items.size());
  for (SubmitRequestItem& item : items) {
    command.items.push_back(to_item(std::move(item)));
  }
  impl_->post(std::move(command), std::move(done));
}

void ControllerLoop::cancel(JobId job, Callback<JobView> done) {
  impl_->post(core::Cancel{.job = job}, CancelSink{.job = job, .done = std::move(done)});
}

void ControllerLoop::retry(JobId job, Callback<core::SubmitOutcome> done) {
  Result<JobView> ended = get(job);
  if (!ended) {
    done(std::move(ended).error());
    return;
  }
  Result<JobSpec> spec = spec_of_retry(std::move(*ended));
  if (!spec) {
    done(std::move(spec).error());
    return;
  }
  if (const std::string& upload = spec->execution.upload; !upload.empty()) {
    if (const Result<> there = touch_upload(upload); !there) {
      Error error = there.error().with_context("retry job " + to_string(job));
      error.code = ErrorCode::FailedPrecondition;
      done(std::move(error));
      return;
    }
  }
  std::vector<SubmitRequestItem> items(1);
  items.front().spec = std::move(*spec);
  submit(std::move(items), [done = std::move(done)](Result<SubmitResults> results) {
    done(results ? std::move(results->front())
                 : Result<core::SubmitOutcome>(std::move(results).error()));
  });
}

Result<> ControllerLoop::touch_upload(const std::string& upload) {
  if (impl_->deps.uploads == nullptr) {
    return uploads::no_such_upload(upload);
  }
  HEARTH_TRY(impl_->deps.uploads->touch(upload));
  return {};
}

void ControllerLoop::explain(JobId job, Callback<core::Explanation> done) {
  impl_->post(core::Explain{.job = job}, ExplainSink{.job = job, .done = std::move(done)});
}

void ControllerLoop::drain(AgentId agent, bool enable, Callback<bool> done) {
  impl_->post(core::DrainAgent{.agent = std::move(agent), .enable = enable}, std::move(done));
}

Result<JobView> ControllerLoop::get(JobId job) {
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  return read_view(*reader, job);
}

std::uint64_t ControllerLoop::version_of(JobId job) {
  return impl_->versions.of(job);
}

Result<std::vector<JobView>> ControllerLoop::list(const store::JobQuery& query) {
  store::JobQuery bounded = query;
  bounded.limit = std::clamp<std::int64_t>(query.limit, 1, limits::kListLimitMax);
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  HEARTH_ASSIGN(std::vector<store::JobListRow> rows, reader->list(bounded));
  std::vector<JobView> views;
  views.reserve(rows.size());
  for (store::JobListRow& row : rows) {
    HEARTH_ASSIGN(JobView view, to_view(std::move(row)));
    views.push_back(std::move(view));
  }
  return views;
}

Result<std::vector<JobEvent>> ControllerLoop::events(JobId job, EventSeq after,
                                                     std::int64_t limit) {
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  return reader->events(job, after, limit);
}

Result<EventSeq> ControllerLoop::oldest_event() {
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  return reader->oldest_event();
}

Result<std::vector<JobId>> ControllerLoop::owed_callbacks(JobId after, std::int64_t limit) {
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  return reader->owed_callbacks(after, std::clamp<std::int64_t>(limit, 1, limits::kListLimitMax));
}

Result<> ControllerLoop::settle_callbacks(const std::vector<JobId>& jobs) {
  const store::RemoveOutcome done =
      impl_->writer.remove({.jobs = {}, .events_through = {}, .callbacks = jobs});
  return done.outcome.status == store::AppendStatus::Durable ? Result<>()
                                                             : Result<>(done.outcome.error);
}

EventSeq ControllerLoop::last_event() {
  return EventSeq(impl_->last_event.load());
}

std::vector<AgentView> ControllerLoop::agents() {
  return *impl_->published.agents();
}

std::map<JobState, std::int64_t> ControllerLoop::counts() {
  return impl_->published.counts();
}

Result<std::uint64_t> ControllerLoop::watch(Watcher watcher) {
  Result<std::uint64_t> added = impl_->hub.add(std::move(watcher));
  if (!added) {
    impl_->metrics.refused.count(added.error().limit);
  }
  return added;
}

void ControllerLoop::unwatch(std::uint64_t id) {
  impl_->hub.remove(id);
}

Readiness ControllerLoop::readiness() {
  if (const std::optional<Error> refused = impl_->refusal()) {
    return {.ready = false, .why = refused->message};
  }
  if (const std::optional<Error> trouble = impl_->desk.trouble()) {
    return {.ready = false, .why = trouble->message};
  }
  return {.ready = true, .why = ""};
}

}  // namespace hearth::api
