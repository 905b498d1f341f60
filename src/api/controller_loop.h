// The controller at work: owns the core and its threads around the store, and is what every front
// door and every agent connection calls.
//
//   callers -> mailbox -> core thread -> writer thread -> replies, agents, watchers
//
// A job is either live in the core or committed in the store at any moment, so reads go to the
// store and commands to the core. Life: create, start, serve, stop; what it borrows outlives it.
#pragma once

#include <functional>
#include <memory>

#include "api/agent_port.h"
#include "api/controller_api.h"
#include "api/metrics.h"
#include "api/telemetry_api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/telemetry_limits.h"
#include "core/controller.h"
#include "core/retention.h"
#include "output/output_store.h"
#include "store/store.h"
#include "uploads/upload_store.h"

namespace hearth::api {

struct LoopDeps {
  store::Store& store;
  output::OutputStore& outputs;
  Clock& clock;
  Log& log;
  // The truth or the output can no longer be trusted: exit and recover. Called at most once, on a
  // controller thread; must only post.
  std::function<void(const Error&)> on_fatal;
  uploads::UploadStore* uploads = nullptr;  // null: jobs have none
};

struct LoopOptions {
  core::Options core;
  core::RetentionLimits retention;
  Duration worker_timeout = limits::kWorkerTimeout;
  std::int64_t mailbox_commands_max = limits::kMailboxCommandsMax;
  std::int64_t turn_commands_max = limits::kTurnCommandsMax;
  std::int64_t pipeline_turns_max = limits::kPipelineTurnsMax;
  Duration storage_retry_initial = limits::kStorageRetryInitial;
  Duration storage_retry_max = limits::kStorageRetryMax;
};

class ControllerLoop final : public ControllerApi, public AgentApi {
 public:
  // Recovers from the store; blocks as long as that takes. Serves at once.
  static Result<std::unique_ptr<ControllerLoop>> start(LoopDeps deps, LoopOptions options);
  ~ControllerLoop() override;
  ControllerLoop(const ControllerLoop&) = delete;
  ControllerLoop& operator=(const ControllerLoop&) = delete;

  // Commits what was decided, answers everyone who waits, ends the threads. May be repeated.
  void stop();
  // A clock that is moved by hand was moved.
  void wake();
  [[nodiscard]] MetricsSnapshot metrics();
  // Lives as long as the loop.
  [[nodiscard]] TelemetryApi& telemetry();

  void submit(std::vector<SubmitRequestItem> items, Callback<SubmitResults> done) override;
  void cancel(JobId job, Callback<JobView> done) override;
  Result<> touch_upload(const std::string& upload) override;
  // NotSupported for a job that had secretEnv: its secrets were erased when it ended.
  void retry(JobId job, Callback<core::SubmitOutcome> done) override;
  void explain(JobId job, Callback<core::Explanation> done) override;
  void drain(AgentId agent, bool enable, Callback<bool> done) override;
  Result<JobView> get(JobId job) override;
  std::uint64_t version_of(JobId job) override;
  Result<std::vector<JobView>> list(const store::JobQuery& query) override;
  Result<OutputAnswer> output(const OutputQuery& query) override;
  Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) override;
  Result<EventSeq> oldest_event() override;
  Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) override;
  Result<> settle_callbacks(const std::vector<JobId>& jobs) override;
  EventSeq last_event() override;
  std::vector<AgentView> agents() override;
  std::map<JobState, std::int64_t> counts() override;
  Result<std::uint64_t> watch(Watcher watcher) override;
  void unwatch(std::uint64_t id) override;
  output::ListenerId listen_output(JobId job, output::OutputListener listener) override;
  void unlisten_output(JobId job, output::ListenerId id) override;
  Readiness readiness() override;

  std::uint64_t open(AgentInfo info, std::vector<core::HeldAttempt> held,
                     std::shared_ptr<AgentConnection> connection) override;
  void closed(std::uint64_t link, const AgentId& agent) override;
  void heartbeat(std::uint64_t link, const AgentId& agent, AgentUsage usage) override;
  void draining(std::uint64_t link, const AgentId& agent) override;
  void started(std::uint64_t link, const AgentId& agent, const AttemptKey& key) override;
  void finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                AttemptResult result) override;
  void progress(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                std::int32_t percent, std::string text) override;
  Result<std::int64_t> output(const AgentId& agent, const AttemptKey& key, StreamKind stream,
                              std::int64_t offset, std::string_view bytes) override;
  Result<uploads::OpenUpload> open_upload(const AgentId& agent, const AttemptKey& key,
                                          const std::string& upload) override;
  void telemetry(std::uint64_t link, const AgentId& agent, TelemetryReport report) override;
  void telemetry_answer(std::uint64_t link, std::uint64_t query,
                        Result<TelemetrySeries> series) override;
  std::uint64_t controller_epoch() override;

 private:
  class Impl;
  explicit ControllerLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::api
