// Every decision of the controller. Private to core/: controller.h is its face.
//
// A decider reads state_, fills in a JobRecord, and hands it to move(), which writes the durable
// event and applies it. Nothing else touches state_. Consequences for other jobs (dependencies) go
// through a worklist, never through recursion.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/controller.h"
#include "core/state.h"

namespace hearth::core {

class Controller::Impl {
 public:
  explicit Impl(Options options);

  void restore(const Snapshot& snapshot, Now now);
  void decide(const Command& command, Now now, Decision& decision);
  void schedule(Now now, Decision& decision);
  void forget_ended(const std::vector<JobId>& jobs);

  [[nodiscard]] TimePoint next_deadline(Now now) const;
  [[nodiscard]] std::vector<AgentView> agents() const;
  [[nodiscard]] std::string digest() const;
  void check_invariants() const;
  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] std::uint64_t stale_reports() const { return stale_reports_; }

 private:
  // An edge of the dependency graph whose target has ended.
  struct Settled {
    JobId dependent;
    DependencyCondition condition = DependencyCondition::Ok;
    JobId ended;
    JobState state = JobState::Completed;
  };
  struct Retry {
    bool again = false;
    Duration wait{};
  };

  // submit.cc
  void on(const Submit& command);
  Result<SubmitOutcome> submit_item(const SubmitItem& item,
                                    const std::vector<Result<SubmitOutcome>>& earlier);
  [[nodiscard]] Result<> check_admission(const SubmitItem& item) const;
  [[nodiscard]] Result<> check_feasibility(const SchedulingSpec& spec) const;
  [[nodiscard]] Result<> check_features(const SchedulingSpec& spec) const;
  Result<std::vector<Dependency>> open_dependencies(
      const SubmitItem& item, const std::vector<Result<SubmitOutcome>>& earlier,
      std::optional<Settled>& broken) const;
  SubmitOutcome admit(const SubmitItem& item, const std::vector<Dependency>& open,
                      std::vector<Dependency> in_batch, const std::optional<Settled>& broken);
  [[nodiscard]] std::optional<SubmitOutcome> replay_of(const SubmitItem& item) const;

  // jobs.cc: one function per transition
  void queue(JobSlot slot, JobEventKind kind);
  void assign(JobSlot slot, AgentSlot agent);
  void start(JobSlot slot);
  void finish(JobSlot slot, const AttemptResult& result);
  void lose(JobSlot slot, Reason reason, const std::string& message, bool raise_epoch);
  void adopt(JobSlot slot, const HeldAttempt& held);
  void retry_later(JobSlot slot, const AttemptResult& result, Duration wait);
  void end_attempt(JobSlot slot, const AttemptResult& result);
  void end(JobSlot slot, JobState state, Reason reason, std::string message,
           const AttemptResult* result, bool raise_epoch = false);
  [[nodiscard]] Retry retry_of(const Job& job, const AttemptResult& result) const;
  void settle_dependents();
  void fail_if_unmet(const Settled& edge);
  void queue_if_free(JobId id);

  // cancel.cc
  void on(const Cancel& command);

  // agents.cc
  void on(const AgentHello& command);
  void on(const AgentLinkClosed& command);
  void on(const AgentHeartbeat& command);
  void on(const AgentDraining& command);
  void on(const DrainAgent& command);
  [[nodiscard]] std::optional<Error> refuse_hello(const AgentHello& hello) const;
  [[nodiscard]] const AgentRecord* find_record(const AgentId& id) const;
  void join(const AgentHello& hello);
  std::vector<JobSlot> keep_held(const AgentHello& hello, AgentSlot known);
  void adopt_held(const AgentHello& hello, bool same_process, std::vector<JobSlot>& kept);
  void welcome(const AgentHello& hello, AgentSlot slot, const std::vector<JobSlot>& kept);
  void lose_agent(AgentSlot slot, const std::string& why);
  void check_agents();
  // Silence after which it is lost.
  [[nodiscard]] Duration patience_with(const AgentState& agent) const;
  // The live agent that speaks on its current link, noted as heard; kNone: ignore the message.
  AgentSlot speaker(const AgentId& agent, std::uint64_t link, const AgentUsage* usage = nullptr);

  // reports.cc
  void on(const AttemptStarted& command);
  void on(const AttemptFinished& command);
  void on(const AttemptProgress& command);
  [[nodiscard]] JobSlot current(const AgentId& agent, const AttemptKey& key) const;
  [[nodiscard]] bool is_already_known(const AgentId& agent, const AttemptKey& key) const;
  void answer_report(AgentSlot slot, const AttemptKey& key, bool finished, bool accepted);

  // explain.cc
  void on(const Explain& command);
  Explanation explain(const Job& job);
  void explain_submitted(const Job& job, Explanation& out) const;
  void explain_queued(const Job& job, Explanation& out);
  void explain_agents(const Job& job, const sched::ClassKey& key, Explanation& out) const;

  // controller_impl.cc
  // restore.cc
  void restore_job(const RestoredJob& job, const std::set<JobId>& live,
                   const std::map<JobId, JobState>& ended);

  void on(const Tick& command);
  void set_now(Now now);
  void begin(Now now, Decision& decision);
  void finish_call();
  void fire_timers();
  void fire(JobSlot slot);
  void end_orphans();
  void flush_agents();

  // Opens a durable event with the job's record in it; the caller changes the record and hands it
  // to commit. `at` is the time of the event: now, but never before the job's last transition.
  TimePoint latest_event(JobSlot slot);
  JobRecord& open(JobSlot slot, JobEventKind kind);
  [[nodiscard]] TimePoint opened_at() const { return decision_->changes.events.back().at; }
  void commit(JobSlot slot);
  void record_attempt(JobSlot slot, const AttemptResult* result);
  void touch(AgentSlot slot);
  void find_agent_row(AgentSlot slot);
  void put_agent_row(AgentSlot slot, AgentStatus status);
  template <class E>
  void effect(E value) {
    decision_->effects.emplace_back(std::move(value));
  }
  [[nodiscard]] const JobRecord& record(JobSlot slot) const { return state_.job(slot).record; }
  [[nodiscard]] static AttemptKey key_of(const JobRecord& record) {
    return {record.id, record.attempt, record.epoch};
  }

  Options options_;
  State state_;
  std::uint64_t controller_epoch_ = 1;
  EventSeq last_seq_;
  JobId last_job_id_;
  TimePoint wall_{};
  // On the steady clock, as are the three deadlines that follow from it.
  TimePoint steady_{};
  TimePoint next_sweep_{};
  // No agent can be lost before this; found anew when it is reached.
  TimePoint next_agent_check_ = TimePoint::max();
  bool more_to_place_ = false;
  std::uint64_t stale_reports_ = 0;
  // Restored jobs that cannot go on as they are: their agent or a dependency is gone.
  std::vector<JobId> orphans_;
  std::vector<Settled> settled_;
  std::vector<AgentSlot> touched_agents_;
  std::vector<std::size_t> agent_rows_;  // by slot, see put_agent_row
  Decision* decision_ = nullptr;         // of the running call
};

}  // namespace hearth::core
