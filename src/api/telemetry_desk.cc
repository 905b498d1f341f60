#include "api/telemetry_desk.h"

#include <algorithm>
#include <utility>

namespace hearth::api {
namespace {

constexpr Duration kRestMax = std::chrono::seconds(5);

const AgentView* find_agent(const Published::Agents& agents, const AgentId& id) {
  const auto found = std::find_if(agents.begin(), agents.end(), [&id](const AgentView& agent) {
    return agent.record.info.id == id;
  });
  return found == agents.end() ? nullptr : &*found;
}

Error not_answering(const AgentId& agent) {
  return unavailable("agent " + agent.value() +
                     " does not answer; what it remembers can be read once it is connected");
}

void call_all(const std::vector<std::function<void()>>& calls) {
  for (const auto& call : calls) {
    call();
  }
}

// Its uptime has grown since it was told.
registry::WorkerView as_of(Duration now, registry::WorkerView worker) {
  if (worker.started) {
    worker.report.sample.uptime = now - *worker.started;
  }
  return worker;
}

}  // namespace

TelemetryDesk::TelemetryDesk(const Deps& deps, const Options& options)
    : deps_(deps), options_(options), registry_(options.registry) {}

TelemetryDesk::~TelemetryDesk() {
  stop();
}

void TelemetryDesk::start() {
  thread_ = std::thread([this] { run(); });
}

void TelemetryDesk::stop() {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    end_queries([](const Query&) { return true; },
                unavailable("the controller is stopping; ask again after its restart"), calls);
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  call_all(calls);
}

void TelemetryDesk::wake() {
  const MutexLock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

Duration TelemetryDesk::monotonic() const {
  return Duration(deps_.clock.monotonic_ns() / 1'000'000);
}

registry::Heard TelemetryDesk::heard() const {
  return {.at = deps_.clock.now(), .monotonic = monotonic()};
}

void TelemetryDesk::link_opened(std::uint64_t link, const AgentInfo& info,
                                std::shared_ptr<AgentConnection> connection) {
  const MutexLock lock(mutex_);
  opened_.emplace(link, Opened{.agent = info.id,
                               .incarnation = info.incarnation,
                               .connection = std::move(connection)});
}

void TelemetryDesk::link_welcomed(std::uint64_t link) {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    auto opened = opened_.extract(link);
    if (!opened) {
      return;
    }
    const Opened& agent = opened.mapped();
    tell(registry_.hello(agent.agent, agent.incarnation, heard()));
    links_.insert_or_assign(agent.agent,
                            Link{.number = link, .connection = agent.connection, .told = {}});
    pace(calls);
  }
  call_all(calls);
}

void TelemetryDesk::link_closed(std::uint64_t link, const AgentId& agent) {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    opened_.erase(link);
    const auto found = links_.find(agent);
    if (found != links_.end() && found->second.number == link) {
      links_.erase(found);
      pace(calls);
    }
    end_queries([link](const Query& query) { return query.link == link; }, not_answering(agent),
                calls);
  }
  call_all(calls);
}

void TelemetryDesk::beats_each(std::uint64_t link, const AgentId& agent, Duration interval) {
  const MutexLock lock(mutex_);
  const auto found = links_.find(agent);
  if (found != links_.end() && found->second.number == link) {
    registry_.pace(agent, interval);
  }
}

void TelemetryDesk::report(std::uint64_t link, const AgentId& agent, TelemetryReport report) {
  const std::int64_t started_ns = deps_.clock.monotonic_ns();
  {
    const MutexLock lock(mutex_);
    const auto found = links_.find(agent);
    if (found == links_.end() || found->second.number != link) {
      return;  // of an earlier link: what it says may be past
    }
    const bool has_figures = report.whole;
    const registry::Changes changes = registry_.report(agent, std::move(report), heard());
    ++counts_.reports;
    counts_.refused_workers += static_cast<std::uint64_t>(changes.refused);
    tell(changes);
    if (has_figures) {
      figures_came_.insert(agent);
      tell_figures();
    }
  }
  report_time_.observe_ns(deps_.clock.monotonic_ns() - started_ns);
}

void TelemetryDesk::tell_figures() {
  const Duration now = monotonic();
  if (now - figures_told_ < limits::kFiguresTellInterval) {
    changed_.notify_all();  // with the others that come until then
    return;
  }
  figures_told_ = now;
  for (const auto& [id, watcher] : watchers_) {
    for (const AgentId& agent : figures_came_) {
      if (watcher.on_figures) {
        watcher.on_figures(agent);
      }
    }
  }
  figures_came_.clear();
}

void TelemetryDesk::tell(const registry::Changes& changes) {
  for (const auto& [id, watcher] : watchers_) {
    if (!watcher.on_worker) {
      continue;
    }
    for (const registry::WorkerKey& key : changes.gone) {
      watcher.on_worker(key.agent, key.worker);
    }
    for (const registry::WorkerKey& key : changes.changed) {
      watcher.on_worker(key.agent, key.worker);
    }
  }
}

std::vector<registry::WorkerView> TelemetryDesk::workers(const registry::WorkerQuery& query) {
  const std::shared_ptr<const Published::Agents> agents = deps_.published.agents();
  std::vector<registry::WorkerView> found;
  const MutexLock lock(mutex_);
  const auto add = [&](const registry::WorkerView& worker) HEARTH_REQUIRES(mutex_) {
    if (registry::matches(query, worker, find_agent(*agents, worker.agent),
                          registry_.machine(worker.agent))) {
      found.push_back(as_of(monotonic(), worker));
    }
  };
  if (query.agent) {
    registry_.each_of(*query.agent, add);
  } else {
    registry_.each(add);
  }
  return found;
}

std::optional<registry::WorkerView> TelemetryDesk::worker(const AgentId& agent,
                                                          const WorkerId& worker) {
  const MutexLock lock(mutex_);
  const auto found = registry_.find({agent, worker});
  return found ? std::optional(as_of(monotonic(), *found)) : std::nullopt;
}

AgentFigures TelemetryDesk::figures(const AgentId& agent) {
  const MutexLock lock(mutex_);
  AgentFigures figures;
  if (const MachineSample* machine = registry_.machine(agent)) {
    figures.machine = *machine;
  }
  figures.heard = registry_.figures_heard(agent);
  registry_.each_of(agent, [&](const registry::WorkerView& worker) {
    figures.workers.push_back(as_of(monotonic(), worker));
  });
  return figures;
}

std::optional<MachineSample> TelemetryDesk::machine(const AgentId& agent) {
  const MutexLock lock(mutex_);
  const MachineSample* machine = registry_.machine(agent);
  return machine == nullptr ? std::nullopt : std::optional(*machine);
}

Result<> TelemetryDesk::external_worker(const WorkerId& worker, WorkerState state) {
  const MutexLock lock(mutex_);
  HEARTH_ASSIGN(const registry::Changes changes, registry_.external(worker, state, heard()));
  tell(changes);
  return {};
}

void TelemetryDesk::history(const AgentId& agent, const TelemetryQuery& query, Answer done) {
  Result<Asked> asked = ask(agent, done);
  if (!asked) {
    done(std::move(asked).error());
    return;
  }
  asked->connection->telemetry_query(asked->id, query);
}

Result<TelemetryDesk::Asked> TelemetryDesk::ask(const AgentId& agent, const Answer& done) {
  const MutexLock lock(mutex_);
  const auto link = links_.find(agent);
  if (stopping_ || link == links_.end()) {
    const bool is_known = find_agent(*deps_.published.agents(), agent) != nullptr;
    return is_known ? not_answering(agent) : not_found("there is no agent " + agent.value());
  }
  if (static_cast<std::int64_t>(queries_.size()) >= options_.queries_max) {
    return limit_exceeded("kTelemetryQueriesMax", options_.queries_max,
                          "too many questions about the past wait for agents; ask again in a "
                          "moment");
  }
  const std::uint64_t id = ++last_id_;
  queries_.emplace(id, Query{.link = link->second.number,
                             .due = monotonic() + options_.answer_timeout,
                             .done = done});
  changed_.notify_all();
  return Asked{.id = id, .connection = link->second.connection};
}

void TelemetryDesk::answer(std::uint64_t link, std::uint64_t id, Result<TelemetrySeries> series) {
  Answer done;
  {
    const MutexLock lock(mutex_);
    const auto found = queries_.find(id);
    if (found == queries_.end() || found->second.link != link) {
      return;  // too late, or not asked of this agent
    }
    done = std::move(found->second.done);
    queries_.erase(found);
  }
  done(std::move(series));
}

void TelemetryDesk::end_queries(const std::function<bool(const Query&)>& ends, const Error& error,
                                Calls& calls) {
  for (auto query = queries_.begin(); query != queries_.end();) {
    if (!ends(query->second)) {
      ++query;
      continue;
    }
    calls.emplace_back([done = std::move(query->second.done), error] { done(error); });
    query = queries_.erase(query);
  }
}

std::uint64_t TelemetryDesk::watch_telemetry(TelemetryWatcher watcher) {
  const MutexLock lock(mutex_);
  watchers_.emplace(++last_id_, std::move(watcher));
  return last_id_;
}

void TelemetryDesk::unwatch_telemetry(std::uint64_t id) {
  const MutexLock lock(mutex_);
  watchers_.erase(id);
}

void TelemetryDesk::want_figures() {
  Calls calls;
  {
    const MutexLock lock(mutex_);
    ++counts_.readers;
    unread_since_.reset();
    pace(calls);
  }
  call_all(calls);
}

void TelemetryDesk::unwant_figures() {
  const MutexLock lock(mutex_);
  if (--counts_.readers == 0) {
    unread_since_ = monotonic();
    changed_.notify_all();
  }
}

// With thousands of agents each sends more seldom, in whole steps of the interval, so that the
// coming and going of a few changes nothing.
Duration TelemetryDesk::wanted_interval() const {
  if (counts_.readers == 0 && !unread_since_) {
    return Duration(0);
  }
  const std::int64_t per_step = std::max<std::int64_t>(
      1, options_.reports_per_second_max * options_.interval.count() / 1'000);
  const auto agents = static_cast<std::int64_t>(links_.size());
  return options_.interval * std::max<std::int64_t>(1, (agents + per_step - 1) / per_step);
}

void TelemetryDesk::pace(Calls& calls) {
  const Duration interval = wanted_interval();
  for (auto& [agent, link] : links_) {
    if (link.told != interval) {
      link.told = interval;
      calls.emplace_back(
          [connection = link.connection, interval] { connection->telemetry_wanted(interval); });
    }
  }
}

void TelemetryDesk::pass_time(Calls& calls) {
  const Duration now = monotonic();
  const registry::Changes expired = registry_.expire(now);
  counts_.expired_workers += expired.gone.size();
  tell(expired);
  if (!figures_came_.empty()) {
    tell_figures();
  }
  if (unread_since_ && now - *unread_since_ >= options_.linger) {
    unread_since_.reset();
    pace(calls);
  }
  end_queries([now](const Query& query) { return query.due <= now; },
              Error{.code = ErrorCode::Unavailable,
                    .message = "the agent did not answer within " +
                               std::to_string(options_.answer_timeout.count()) +
                               " ms (kTelemetryAnswerTimeout); ask again"},
              calls);
}

Duration TelemetryDesk::rest() const {
  Duration next = std::min(kRestMax, options_.registry.worker_timeout);
  const Duration now = Duration(deps_.clock.monotonic_ns() / 1'000'000);
  if (!figures_came_.empty()) {
    next = std::min(next, figures_told_ + limits::kFiguresTellInterval - now);
  }
  if (unread_since_) {
    next = std::min(next, *unread_since_ + options_.linger - now);
  }
  for (const auto& [id, query] : queries_) {
    next = std::min(next, query.due - now);
  }
  return std::max(next, Duration(1));
}

void TelemetryDesk::run() {
  while (true) {
    Calls calls;
    {
      const MutexLock lock(mutex_);
      if (!stopping_ && !woken_) {
        changed_.wait_for(mutex_, rest());  // to end early is harmless
      }
      woken_ = false;
      if (stopping_) {
        return;
      }
      pass_time(calls);
    }
    call_all(calls);
  }
}

TelemetryCounts TelemetryDesk::counts() {
  const MutexLock lock(mutex_);
  TelemetryCounts counts = counts_;
  counts.workers = static_cast<std::int64_t>(registry_.size());
  counts.watchers = static_cast<std::int64_t>(watchers_.size());
  counts.queries = static_cast<std::int64_t>(queries_.size());
  return counts;
}

}  // namespace hearth::api
