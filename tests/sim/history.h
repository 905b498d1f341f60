// The judge: is told everything that becomes durable, every process that really runs and every
// answer a client gets, and fails the run when they contradict each other or the promises made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/job.h"
#include "plan.h"

namespace hearth::sim {

class World;
struct RunReport;
struct StoredJob;

class History {
 public:
  explicit History(World& world) : world_(world) {}

  // Durable changes, before the row takes them over.
  void on_event(const StoredJob& row, const JobEvent& event);
  void on_attempt(const StoredJob& row, const Attempt& after);
  // Before the row goes, of so many finished ones.
  // Before it is durable.
  void on_decided(const JobEvent& event);
  void on_removed(const StoredJob& row, TimePoint now, std::int64_t finished);
  // After each turn: no agent and no group holds more than it may.
  void check_loads(const std::map<AgentId, AgentRecord>& agents) const;

  // Real processes. `run` numbers the agent's incarnation.
  void on_process_start(const AgentId& agent, std::int64_t run, const AttemptKey& key);
  void on_process_end(const AgentId& agent, std::int64_t run, const AttemptKey& key);
  void on_result(const AgentId& agent, const AttemptKey& key, const AttemptResult& result);

  // What clients were told.
  void on_submit_acknowledged(const std::string& key, JobId id);
  void on_cancel_acknowledged(JobId id, const JobRecord& answer);

  // Once faults have stopped and everything should have ended.
  void check_end() const;
  // What the run saw, so that a test can tell that its faults reached anything.
  [[nodiscard]] RunReport report() const;

 private:
  void fail(JobId id, const std::string& what) const;
  void check_transition(const StoredJob& row, const JobEvent& event);
  void check_placement(const StoredJob& row, const JobEvent& event);
  void check_final(const StoredJob& row, const JobRecord& after) const;
  void check_dependencies(const StoredJob& row) const;
  [[nodiscard]] bool is_met(const Dependency& dependency) const;
  [[nodiscard]] bool has_unmet_dependency(const StoredJob& row) const;
  void account(const StoredJob& row, const JobRecord& after);
  [[nodiscard]] TimePoint earliest_end_since(const StoredJob& row) const;
  // Whether so much time passed between two events. A controller that lives through both measures
  // it on a clock that nobody sets; one that starts between them has only what the wall clock said.
  [[nodiscard]] bool passed(EventSeq from, EventSeq to, Duration by_wall, Duration wanted) const;

  struct Load {
    ResourceVector reserved;
    std::int64_t attempts = 0;
  };

  struct Copy {
    AttemptKey key;
    AgentId agent;
    std::int64_t run = 0;
    friend auto operator<=>(const Copy&, const Copy&) = default;
  };

  World& world_;
  std::map<AgentId, Load> loads_;
  std::map<std::string, std::int64_t> groups_;
  std::map<JobId, std::set<Copy>> running_;
  std::set<AttemptKey> started_;
  std::map<std::pair<AttemptKey, AgentId>, AttemptResult> results_;
  std::map<std::string, JobId> key_answers_;
  std::set<JobId> acknowledged_ids_;
  std::map<JobId, JobState> cancel_answers_;
  struct Wait {
    EventSeq from;
    TimePoint at;  // on the wall clock
    Duration length{};
  };
  std::map<JobId, Wait> back_offs_;
  std::map<JobId, EventSeq> queued_;  // since when it has been QUEUED
  std::map<JobId, EventSeq> ended_;
  std::map<EventSeq, TimePoint> decided_at_;  // in simulated time
  std::int64_t overlaps_ = 0;
  std::int64_t adoptions_ = 0;
  std::int64_t losses_ = 0;
  std::int64_t removals_ = 0;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace hearth::sim
