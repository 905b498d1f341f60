// A ControllerApi in memory for the tests of front doors: commands are answered at once on the
// calling thread, and the test plays scheduler and agents.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/controller_api.h"
#include "base/mutex.h"
#include "uploads/upload_store.h"

namespace hearth::api::testing {

// Thread-safe. Time is a counter that grows by one millisecond with every event.
class FakeControllerApi final : public ControllerApi {
 public:
  // What the test does in the place of agents and the scheduler.
  void start_attempt(JobId job, const std::string& agent = "a1");
  void write(JobId job, StreamKind stream, std::string_view bytes);
  // Drops what lies between, as a bounded log does.
  void skip(JobId job, StreamKind stream, std::int64_t bytes);
  void finish(JobId job, AttemptResult result);
  void requeue(JobId job, Reason reason);
  void set_agent(AgentView agent);
  // Events up to and with this one are forgotten, as retention does.
  void forget_events(EventSeq up_to);
  // The same as soon as events are read next, just before they are.
  void forget_events_at_read(EventSeq up_to);

  // What the next commands and reads fail with, until cleared.
  void fail_commands(std::optional<Error> error);
  void set_readiness(Readiness readiness);
  // Commands keep their callbacks until release().
  void hold_commands(bool hold);
  void release();

  // That jobs may name from then on.
  void add_upload(const std::string& id);

  [[nodiscard]] std::vector<SubmitRequestItem> submitted();
  [[nodiscard]] std::int64_t submit_calls();
  [[nodiscard]] std::int64_t reads_of_jobs();
  [[nodiscard]] std::size_t output_listeners();
  [[nodiscard]] std::size_t watchers();

  void submit(std::vector<SubmitRequestItem> items, Callback<SubmitResults> done) override;
  Result<> touch_upload(const std::string& upload) override;
  void cancel(JobId job, Callback<JobView> done) override;
  void retry(JobId job, Callback<core::SubmitOutcome> done) override;
  void explain(JobId job, Callback<core::Explanation> done) override;
  void drain(AgentId agent, bool enable, Callback<bool> done) override;
  Result<JobView> get(JobId job) override;
  std::uint64_t version_of(JobId job) override;
  Result<std::vector<JobView>> list(const store::JobQuery& query) override;
  Result<OutputAnswer> output(const OutputQuery& query) override;
  Result<std::vector<JobEvent>> events(JobId job, EventSeq after, std::int64_t limit) override;
  Result<EventSeq> oldest_event() override;
  EventSeq last_event() override;
  Result<std::vector<JobId>> owed_callbacks(JobId after, std::int64_t limit) override;
  Result<> settle_callbacks(const std::vector<JobId>& jobs) override;
  std::vector<AgentView> agents() override;
  std::map<JobState, std::int64_t> counts() override;
  Result<std::uint64_t> watch(Watcher watcher) override;
  void unwatch(std::uint64_t id) override;
  output::ListenerId listen_output(JobId job, output::OutputListener listener) override;
  void unlisten_output(JobId job, output::ListenerId id) override;
  Readiness readiness() override;

 private:
  struct Stream {
    std::map<std::int64_t, std::string> pieces;  // by offset
    std::int64_t size = 0;
    bool complete = false;
  };
  using StreamKey = std::pair<std::uint32_t, StreamKind>;
  struct Job {
    JobView view;
    std::map<StreamKey, Stream> streams;
  };

  JobView& at(JobId job) HEARTH_REQUIRES(mutex_);
  Result<core::SubmitOutcome> make(const JobSpec& spec) HEARTH_REQUIRES(mutex_);
  std::shared_ptr<const Notice> record(JobView& view, JobEventKind kind) HEARTH_REQUIRES(mutex_);
  void tell(const std::vector<std::shared_ptr<const Notice>>& notices);
  void tell_output(JobId job, StreamKind stream);
  void answer(std::function<void()> callback);

  Mutex mutex_;
  std::map<JobId, Job> jobs_ HEARTH_GUARDED_BY(mutex_);
  std::vector<JobEvent> events_ HEARTH_GUARDED_BY(mutex_);
  EventSeq forgotten_at_read_ HEARTH_GUARDED_BY(mutex_);
  std::map<AgentId, AgentView> agents_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::string, JobId> keys_ HEARTH_GUARDED_BY(mutex_);
  std::set<std::string> uploads_ HEARTH_GUARDED_BY(mutex_);
  std::vector<SubmitRequestItem> submitted_ HEARTH_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> held_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Watcher> watchers_ HEARTH_GUARDED_BY(mutex_);
  std::map<output::ListenerId, std::pair<JobId, output::OutputListener>> listeners_
      HEARTH_GUARDED_BY(mutex_);
  std::set<JobId> settled_ HEARTH_GUARDED_BY(mutex_);
  std::optional<Error> failure_ HEARTH_GUARDED_BY(mutex_);
  Readiness readiness_ HEARTH_GUARDED_BY(mutex_) = {.ready = true, .why = {}};
  TimePoint now_ HEARTH_GUARDED_BY(mutex_) = time_from_ms(1'795'314'504'000);
  EventSeq last_seq_ HEARTH_GUARDED_BY(mutex_);
  JobId last_job_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t last_id_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::int64_t submit_calls_ HEARTH_GUARDED_BY(mutex_) = 0;
  std::int64_t reads_of_jobs_ HEARTH_GUARDED_BY(mutex_) = 0;
  bool hold_ HEARTH_GUARDED_BY(mutex_) = false;
};

}  // namespace hearth::api::testing
