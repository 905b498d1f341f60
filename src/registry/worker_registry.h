// Every worker there is, as the agents say.
//
// Lives beside the core and is fed straight from the agents' links: figures never pass through a
// commit. Single-threaded; its owner (api/telemetry_desk) locks. Silence is measured by `heard`, a
// monotonic time of the controller's, so that no clock that is set drops anybody.
//
// Invariant: a worker belongs to the incarnation of its agent that said hello last; at most
// kWorkersMax of agents and kExternalWorkersMax others.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/telemetry_limits.h"
#include "model/worker.h"
#include "registry/worker_query.h"

namespace hearth::registry {

struct WorkerKey {
  AgentId agent;
  WorkerId worker;

  friend auto operator<=>(const WorkerKey&, const WorkerKey&) = default;
  friend bool operator==(const WorkerKey&, const WorkerKey&) = default;
};

// Who came, went, or is another than before: state, jobs, key, process or model. Figures alone are
// no change.
struct Changes {
  std::vector<WorkerKey> changed;
  std::vector<WorkerKey> gone;
  std::int64_t refused = 0;  // beyond kWorkersMax

  [[nodiscard]] bool empty() const { return changed.empty() && gone.empty(); }
};

// When something was heard: by the controller's clock, and by a monotonic one.
struct Heard {
  TimePoint at{};
  Duration monotonic{};
};

class WorkerRegistry {
 public:
  struct Options {
    Duration worker_timeout = limits::kWorkerTimeout;
    std::int64_t workers_max = limits::kWorkersMax;
    std::int64_t external_workers_max = limits::kExternalWorkersMax;
  };

  explicit WorkerRegistry(Options options) : options_(options) {}

  // It reports this often; a worker of which nothing was heard is kept for as long as it takes to
  // miss kHeartbeatsMissedMax of them, where that is longer than the timeout.
  void pace(const AgentId& agent, Duration interval);
  // Another incarnation than before has none of the workers that there were.
  Changes hello(const AgentId& agent, const std::string& incarnation, Heard heard);
  Changes report(const AgentId& agent, TelemetryReport report, Heard heard);
  // A worker that is not Hearth's own is in this state. ResourceExhausted beyond
  // kExternalWorkersMax.
  Result<Changes> external(const WorkerId& worker, WorkerState state, Heard heard);
  // Drops whom nobody heard of for the timeout.
  Changes expire(Duration monotonic);

  [[nodiscard]] std::optional<WorkerView> find(const WorkerKey& key) const;
  void each(const std::function<void(const WorkerView&)>& visit) const;
  void each_of(const AgentId& agent, const std::function<void(const WorkerView&)>& visit) const;
  // Latest figures; null when there are none.
  [[nodiscard]] const MachineSample* machine(const AgentId& agent) const;
  // When its latest whole report came.
  [[nodiscard]] std::optional<Duration> figures_heard(const AgentId& agent) const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Worker {
    WorkerReport report;
    std::optional<Heard> started;
    Duration heard{};
  };
  struct Agent {
    std::string incarnation;
    std::optional<MachineSample> machine;
    Duration heard{};
    std::optional<Duration> figures_heard;
    Duration timeout{};  // 0: that of the options
    std::map<WorkerId, Worker> workers;
  };

  static WorkerView view_of(const AgentId& agent, const Worker& worker);
  void put(const AgentId& id, Agent& agent, WorkerReport report, Heard heard, Changes& changes);
  void drop_all(const AgentId& id, Agent& agent, Changes& changes);

  const Options options_;
  std::map<AgentId, Agent> agents_;  // external workers: under the empty id
  std::size_t size_ = 0;
};

}  // namespace hearth::registry
