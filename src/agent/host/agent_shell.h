// Does what AgentCore decides: turns what the link and the runtime say into its commands, and its
// effects into calls of theirs.
//
// One command is decided after the other: an effect that causes another command (a spawn that
// fails at once) puts it in line. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/host/output_spool.h"
#include "agent/link/controller_link.h"
#include "agent/loop/event_loop.h"
#include "agent/runtimes/command_runtime.h"
#include "agent/telemetry/telemetry_pump.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "model/agent.h"
#include "model/job_spec.h"

namespace hearth::agent {

class AgentShell final : public LinkListener {
 public:
  // All outlive the shell.
  struct Deps {
    EventLoop& loop;
    Clock& clock;
    Log& log;
    CommandRuntime& runtime;
    OutputSpool& spool;
    ControllerLink& link;
    TelemetryPump& telemetry;
    AgentMetrics& metrics;
  };
  struct Events {
    std::function<void()> on_ready;                // the first welcome
    std::function<void(const Error&)> on_refused;  // a refusal before that
    std::function<void()> on_drained;
  };

  AgentShell(const Deps& deps, AgentInfo info, Events events);
  ~AgentShell() override;

  void start() { deps_.link.start(*this); }
  void begin_drain(Duration deadline) {
    deps_.runtime.drain();
    handle(BeginDrain{deadline});
  }

  LinkHello hello() override;
  void on_order(const AgentCommand& order) override;
  void on_assign(AssignOrder order) override;
  void on_rejected(const Error& error) override;
  void on_telemetry_wanted(Duration interval) override { deps_.telemetry.wanted(interval); }
  void on_telemetry_query(std::uint64_t id, const TelemetryQuery& query) override {
    deps_.telemetry.answer(id, query);
  }
  void on_beat() override { deps_.telemetry.beat(); }

 private:
  void handle(AgentCommand command);
  void perform(const StartProcess& effect);
  void perform(const TerminateGroup& effect);
  void perform(const KillGroup& effect);
  void perform(const ReportStarted& effect);
  void perform(const ReportFinished& effect);
  void perform(const ForgetAttempt& effect);
  // Nothing to do: see agent_host.h on why results stay in memory, which AgentCore does.
  void perform(const SpoolResult& /*effect*/) {}
  void perform(const SayDraining& effect);
  void perform(const Drained& effect);

  void on_spawned(const SpawnDone& done);
  void note_spool();
  void log_end(const ProcessEnded& ended);
  void on_output(const AttemptKey& key, StreamKind stream, std::string_view bytes);
  void arm_timer();
  [[nodiscard]] TimePoint now();
  [[nodiscard]] bool holds(const AttemptKey& key) const;

  const Deps deps_;
  const AgentInfo info_;
  const Events events_;
  AgentCore core_;
  bool ready_ = false;
  bool busy_ = false;
  std::deque<AgentCommand> waiting_;
  std::vector<AgentEffect> effects_;
  std::map<AttemptKey, Result<JobSpec>> specs_;  // of attempts that have not started
  std::optional<TimerId> timer_;
  std::string last_refusal_;
};

}  // namespace hearth::agent
