#include "registry/worker_registry.h"

#include <algorithm>
#include <set>
#include <utility>

namespace hearth::registry {
namespace {

bool is_another(const WorkerReport& before, const WorkerReport& after) {
  return before.info != after.info || before.sample.pid != after.sample.pid ||
         before.sample.model != after.sample.model ||
         before.sample.uptime.has_value() != after.sample.uptime.has_value();
}

}  // namespace

Changes WorkerRegistry::hello(const AgentId& agent, const std::string& incarnation, Heard heard) {
  Changes changes;
  Agent& known = agents_[agent];
  known.heard = heard.monotonic;
  known.timeout = {};
  if (known.incarnation != incarnation) {
    drop_all(agent, known, changes);
    known.machine.reset();
    known.incarnation = incarnation;
  }
  return changes;
}

void WorkerRegistry::drop_all(const AgentId& id, Agent& agent, Changes& changes) {
  for (const auto& [worker, entry] : agent.workers) {
    changes.gone.push_back({id, worker});
  }
  size_ -= agent.workers.size();
  agent.workers.clear();
}

void WorkerRegistry::put(const AgentId& id, Agent& agent, WorkerReport report, Heard heard,
                         Changes& changes) {
  const auto [entry, is_new] = agent.workers.try_emplace(report.info.id);
  Worker& worker = entry->second;
  if (is_new) {
    ++size_;
  }
  if (is_new || is_another(worker.report, report)) {
    changes.changed.push_back({id, report.info.id});
  }
  // Once, so that it does not waver with the time that reports take.
  if (!report.sample.uptime) {
    worker.started.reset();
  } else if (!worker.started) {
    worker.started = Heard{.at = heard.at - *report.sample.uptime,
                           .monotonic = heard.monotonic - *report.sample.uptime};
  }
  worker.report = std::move(report);
  worker.heard = heard.monotonic;
}

Changes WorkerRegistry::report(const AgentId& id, TelemetryReport report, Heard heard) {
  Changes changes;
  Agent& agent = agents_[id];
  agent.heard = heard.monotonic;
  if (report.whole) {
    agent.figures_heard = heard.monotonic;
  }
  std::set<WorkerId> named;
  for (WorkerReport& worker : report.workers) {
    named.insert(worker.info.id);
    if (static_cast<std::int64_t>(size_) >= options_.workers_max &&
        !agent.workers.contains(worker.info.id)) {
      ++changes.refused;
      continue;
    }
    put(id, agent, std::move(worker), heard, changes);
  }
  const auto drop = [&](auto worker) {
    changes.gone.push_back({id, worker->first});
    --size_;
    return agent.workers.erase(worker);
  };
  for (const WorkerId& gone : report.gone) {
    if (const auto found = agent.workers.find(gone); found != agent.workers.end()) {
      drop(found);
    }
  }
  if (report.whole) {
    for (auto worker = agent.workers.begin(); worker != agent.workers.end();) {
      worker = named.contains(worker->first) ? std::next(worker) : drop(worker);
    }
  }
  if (report.machine) {
    agent.machine = std::move(report.machine);
  }
  return changes;
}

Result<Changes> WorkerRegistry::external(const WorkerId& worker, WorkerState state, Heard heard) {
  Changes changes;
  Agent& others = agents_[AgentId()];
  const auto known = others.workers.find(worker);
  if (state == WorkerState::Stopped) {
    if (known != others.workers.end()) {
      others.workers.erase(known);
      --size_;
      changes.gone.push_back({AgentId(), worker});
    }
    return changes;
  }
  if (known == others.workers.end() &&
      static_cast<std::int64_t>(others.workers.size()) >= options_.external_workers_max) {
    return limit_exceeded("kExternalWorkersMax", options_.external_workers_max,
                          "worker " + worker.value() + " is one more than the " +
                              std::to_string(options_.external_workers_max) +
                              " that may report themselves; stop some, or run them as jobs");
  }
  put(AgentId(), others,
      {.info = {.id = worker, .runtime = "external", .key = "", .state = state, .jobs = {}},
       .sample = {}},
      heard, changes);
  return changes;
}

void WorkerRegistry::pace(const AgentId& agent, Duration interval) {
  if (const auto found = agents_.find(agent); found != agents_.end()) {
    found->second.timeout = interval * limits::kHeartbeatsMissedMax;
  }
}

Changes WorkerRegistry::expire(Duration monotonic) {
  Changes changes;
  for (auto agent = agents_.begin(); agent != agents_.end();) {
    const Duration oldest = monotonic - std::max(options_.worker_timeout, agent->second.timeout);
    std::map<WorkerId, Worker>& workers = agent->second.workers;
    for (auto worker = workers.begin(); worker != workers.end();) {
      if (worker->second.heard > oldest) {
        ++worker;
        continue;
      }
      changes.gone.push_back({agent->first, worker->first});
      worker = workers.erase(worker);
      --size_;
    }
    const bool is_silent = workers.empty() && agent->second.heard <= oldest;
    agent = is_silent ? agents_.erase(agent) : std::next(agent);
  }
  return changes;
}

std::optional<WorkerView> WorkerRegistry::find(const WorkerKey& key) const {
  const auto agent = agents_.find(key.agent);
  if (agent == agents_.end()) {
    return std::nullopt;
  }
  const auto worker = agent->second.workers.find(key.worker);
  if (worker == agent->second.workers.end()) {
    return std::nullopt;
  }
  return view_of(key.agent, worker->second);
}

WorkerView WorkerRegistry::view_of(const AgentId& agent, const Worker& worker) {
  WorkerView view{.agent = agent, .report = worker.report, .started_at = {}, .started = {}};
  if (worker.started) {
    view.started_at = worker.started->at;
    view.started = worker.started->monotonic;
  }
  return view;
}

void WorkerRegistry::each_of(const AgentId& agent,
                             const std::function<void(const WorkerView&)>& visit) const {
  if (const auto found = agents_.find(agent); found != agents_.end()) {
    for (const auto& [id, worker] : found->second.workers) {
      visit(view_of(agent, worker));
    }
  }
}

void WorkerRegistry::each(const std::function<void(const WorkerView&)>& visit) const {
  for (const auto& [id, agent] : agents_) {
    each_of(id, visit);
  }
}

std::optional<Duration> WorkerRegistry::figures_heard(const AgentId& agent) const {
  const auto found = agents_.find(agent);
  return found == agents_.end() ? std::nullopt : found->second.figures_heard;
}

const MachineSample* WorkerRegistry::machine(const AgentId& agent) const {
  const auto found = agents_.find(agent);
  return found == agents_.end() || !found->second.machine ? nullptr : &*found->second.machine;
}

}  // namespace hearth::registry
