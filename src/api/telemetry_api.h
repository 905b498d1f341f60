// What front doors ask about workers and what they use.
//
// Beside ControllerApi, because nothing of it is ever stored or decided upon by the core: reads see
// what the agents said last, and watchers are told that there is something new, not what.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/worker.h"
#include "registry/worker_query.h"

namespace hearth::api {

// Both run on a controller thread, under a lock: they must only post.
struct TelemetryWatcher {
  // A worker came, went (then it is not found any more), or is another than before.
  std::function<void(const AgentId&, const WorkerId&)> on_worker;
  // New figures of this agent and its workers.
  std::function<void(const AgentId&)> on_figures;
};

// The latest figures of one machine and its workers.
struct AgentFigures {
  std::optional<Duration> heard;  // when they came, on the controller's monotonic clock
  std::optional<MachineSample> machine;
  std::vector<registry::WorkerView> workers;
};

class TelemetryApi {
 public:
  virtual ~TelemetryApi() = default;

  // In the order of their agents and ids; uptimes are those of now, also below.
  virtual std::vector<registry::WorkerView> workers(const registry::WorkerQuery& query) = 0;
  virtual std::optional<registry::WorkerView> worker(const AgentId& agent,
                                                     const WorkerId& worker) = 0;
  virtual AgentFigures figures(const AgentId& agent) = 0;
  virtual std::optional<MachineSample> machine(const AgentId& agent) = 0;

  // The heartbeat of a worker that is not Hearth's own; ResourceExhausted when there are too many.
  virtual Result<> external_worker(const WorkerId& worker, WorkerState state) = 0;

  // Figures over time out of the agent's memory. NotFound: no such agent or worker. Unavailable:
  // the agent does not answer. `done` runs once, on a controller thread, and must only post.
  virtual void history(const AgentId& agent, const TelemetryQuery& query,
                       std::function<void(Result<TelemetrySeries>)> done) = 0;

  virtual std::uint64_t watch_telemetry(TelemetryWatcher watcher) = 0;
  virtual void unwatch_telemetry(std::uint64_t id) = 0;
  // While somebody wants figures, agents send them at kTelemetryInterval instead of with their
  // heartbeats. Each want is taken back once.
  virtual void want_figures() = 0;
  virtual void unwant_figures() = 0;
};

}  // namespace hearth::api
