// What the controller says to the agent beside it, until the agent's loop takes it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/link/controller_link.h"
#include "agent/loop/event_loop.h"
#include "api/agent_port.h"
#include "base/mutex.h"

namespace hearth {

class LocalConnection final : public api::AgentConnection,
                              public std::enable_shared_from_this<LocalConnection> {
 public:
  struct Rejected {
    Error error;
  };
  struct TelemetryWanted {
    Duration interval{};
  };
  struct TelemetryAsked {
    std::uint64_t id = 0;
    TelemetryQuery query;
  };
  using Said = std::variant<core::Welcome, Rejected, agent::AssignOrder, agent::AgentCommand,
                            TelemetryWanted, TelemetryAsked>;

  // `hear` runs on the loop, never after detach(), with what was said since, in its order.
  LocalConnection(agent::EventLoop& loop, std::uint64_t controller_epoch,
                  std::function<void(std::vector<Said>)> hear)
      : epoch_(controller_epoch), hear_(std::move(hear)), loop_(&loop) {}

  // On the loop thread. Nothing is kept or heard any more.
  void detach();

  void welcome(const core::Welcome& welcome) override { say(welcome); }
  void reject(const Error& error) override { say(Rejected{error}); }
  void assign(const AttemptKey& key, std::string spec, std::string secrets) override;
  void cancel(const AttemptKey& key) override;
  void stop(const AttemptKey& key) override;
  void ack(const AttemptKey& key, bool finished, bool accepted) override;
  void drain() override;
  // Never said: one agent in this process is none too many, and it does not say how often it beats.
  void heartbeat_wanted(Duration /*interval*/) override {}
  void telemetry_wanted(Duration interval) override { say(TelemetryWanted{interval}); }
  void telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    say(TelemetryAsked{id, query});
  }

 private:
  void say(Said said);
  void take();

  const std::uint64_t epoch_;
  std::function<void(std::vector<Said>)> hear_;  // the loop thread's
  Mutex mutex_;
  agent::EventLoop* loop_ HEARTH_GUARDED_BY(mutex_);  // null: detached
  // Bounded by what one agent can be told: a few orders for each attempt it may hold.
  std::vector<Said> said_ HEARTH_GUARDED_BY(mutex_);
  bool posted_ HEARTH_GUARDED_BY(mutex_) = false;
};

}  // namespace hearth
