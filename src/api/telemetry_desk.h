// Keeps the registry of workers behind a lock: agents' links feed it, front doors read it, and
// nobody waits for a commit.
//
// It also decides how often agents send, and carries questions about the past to the agent that
// remembers: one thread drops whom nobody hears of, lets the agents rest when the last reader has
// left, and ends questions that are not answered in time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api/agent_port.h"
#include "api/metrics.h"
#include "api/published.h"
#include "api/telemetry_api.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/mutex.h"
#include "registry/worker_registry.h"

namespace hearth::api {

// Thread-safe.
class TelemetryDesk final : public TelemetryApi {
 public:
  struct Deps {
    Published& published;  // the agents that queries are about
    Clock& clock;
  };
  struct Options {
    registry::WorkerRegistry::Options registry;
    Duration interval = limits::kTelemetryInterval;
    std::int64_t reports_per_second_max = limits::kTelemetryReportsPerSecondMax;
    Duration linger = limits::kTelemetryLinger;
    Duration answer_timeout = limits::kTelemetryAnswerTimeout;
    std::int64_t queries_max = limits::kTelemetryQueriesMax;
  };

  TelemetryDesk(const Deps& deps, const Options& options);
  ~TelemetryDesk() override;
  TelemetryDesk(const TelemetryDesk&) = delete;
  TelemetryDesk& operator=(const TelemetryDesk&) = delete;

  void start();
  // Answers whoever waits. May be repeated.
  void stop();
  // A clock that is moved by hand was moved.
  void wake();

  // The agents' side. A link counts once the core has welcomed its agent: before, anybody could say
  // to be it.
  void link_opened(std::uint64_t link, const AgentInfo& info,
                   std::shared_ptr<AgentConnection> connection);
  // Before the agent hears of it.
  void link_welcomed(std::uint64_t link);
  void link_closed(std::uint64_t link, const AgentId& agent);
  // It beats, and so reports, this often.
  void beats_each(std::uint64_t link, const AgentId& agent, Duration interval);
  void report(std::uint64_t link, const AgentId& agent, TelemetryReport report);
  void answer(std::uint64_t link, std::uint64_t query, Result<TelemetrySeries> series);

  std::vector<registry::WorkerView> workers(const registry::WorkerQuery& query) override;
  std::optional<registry::WorkerView> worker(const AgentId& agent, const WorkerId& worker) override;
  AgentFigures figures(const AgentId& agent) override;
  std::optional<MachineSample> machine(const AgentId& agent) override;
  Result<> external_worker(const WorkerId& worker, WorkerState state) override;
  void history(const AgentId& agent, const TelemetryQuery& query,
               std::function<void(Result<TelemetrySeries>)> done) override;
  std::uint64_t watch_telemetry(TelemetryWatcher watcher) override;
  void unwatch_telemetry(std::uint64_t id) override;
  void want_figures() override;
  void unwant_figures() override;

  [[nodiscard]] TelemetryCounts counts();
  // From a report's arrival to its watchers having been told.
  [[nodiscard]] const Histogram& report_time() const { return report_time_; }

 private:
  using Answer = std::function<void(Result<TelemetrySeries>)>;
  struct Link {
    std::uint64_t number = 0;
    std::shared_ptr<AgentConnection> connection;
    Duration told{};  // the interval it was told last; 0: with heartbeats
  };
  struct Opened {
    AgentId agent;
    std::string incarnation;
    std::shared_ptr<AgentConnection> connection;
  };
  struct Query {
    std::uint64_t link = 0;
    Duration due{};
    Answer done;
  };
  struct Asked {
    std::uint64_t id = 0;
    std::shared_ptr<AgentConnection> connection;
  };
  // What to do once the lock is free again.
  using Calls = std::vector<std::function<void()>>;

  // Puts a question down; who asks it is to be told by `done`.
  Result<Asked> ask(const AgentId& agent, const Answer& done);
  [[nodiscard]] registry::Heard heard() const;
  [[nodiscard]] Duration monotonic() const;
  void tell(const registry::Changes& changes) HEARTH_REQUIRES(mutex_);
  // Of agents whose figures came, at most once in kFiguresTellInterval.
  void tell_figures() HEARTH_REQUIRES(mutex_);
  // Tells agents how often to send, if that is another than they know.
  void pace(Calls& calls) HEARTH_REQUIRES(mutex_);
  [[nodiscard]] Duration wanted_interval() const HEARTH_REQUIRES(mutex_);
  void end_queries(const std::function<bool(const Query&)>& ends, const Error& error, Calls& calls)
      HEARTH_REQUIRES(mutex_);
  void pass_time(Calls& calls) HEARTH_REQUIRES(mutex_);
  [[nodiscard]] Duration rest() const HEARTH_REQUIRES(mutex_);
  void run();

  const Deps deps_;
  const Options options_;
  Histogram report_time_;
  Mutex mutex_;
  Condition changed_;
  registry::WorkerRegistry registry_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Opened> opened_ HEARTH_GUARDED_BY(mutex_);
  std::map<AgentId, Link> links_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Query> queries_ HEARTH_GUARDED_BY(mutex_);
  std::map<std::uint64_t, TelemetryWatcher> watchers_ HEARTH_GUARDED_BY(mutex_);
  std::uint64_t last_id_ HEARTH_GUARDED_BY(mutex_) = 0;
  TelemetryCounts counts_ HEARTH_GUARDED_BY(mutex_);
  std::set<AgentId> figures_came_ HEARTH_GUARDED_BY(mutex_);
  Duration figures_told_ HEARTH_GUARDED_BY(mutex_){};
  // When the last reader left, while agents have not been told yet.
  std::optional<Duration> unread_since_ HEARTH_GUARDED_BY(mutex_);
  bool woken_ HEARTH_GUARDED_BY(mutex_) = false;
  bool stopping_ HEARTH_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace hearth::api
