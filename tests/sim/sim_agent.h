// One machine: a real AgentCore with its own clock, the processes it believes to control, and the
// shell's duties around it (connect, hello, heartbeat, spool). Crashes, drains and returns.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "agent/core/agent_core.h"
#include "network.h"
#include "plan.h"

namespace hearth::sim {

class World;

class SimAgent {
 public:
  SimAgent(World& world, std::size_t index, AgentInfo base);

  void boot();
  // All its processes die with it, and so does its spool.
  void crash();
  // The first SIGTERM; it leaves by itself when drained.
  void begin_drain();
  void lose_launcher();
  void receive(const ConnectionPtr& connection, const DownMessage& message);
  void link_closed(const ConnectionPtr& connection);

  [[nodiscard]] bool alive() const { return core_ != nullptr; }
  [[nodiscard]] bool idle() const;
  [[nodiscard]] const AgentInfo& base() const { return base_; }
  [[nodiscard]] std::int64_t run() const { return run_; }

 private:
  enum class Stage : std::uint8_t { Spawning, Running, Dying };
  struct Process {
    RunPlan plan;
    Stage stage = Stage::Spawning;
    std::optional<TimePoint> started_at;  // none when it was killed before exec
    std::int64_t kills = 0;
    std::int64_t life = 0;  // tells timers of an earlier stage apart
  };

  [[nodiscard]] TimePoint clock() const;
  [[nodiscard]] Duration to_sim(Duration agent_time) const;
  void command(const agent::AgentCommand& command);
  void arm_timer();
  void dial();
  void heartbeat();
  void send_report(UpMessage message);
  void expect_stops(const agent::AgentCommand& order);
  void haunt();

  void perform(const agent::StartProcess& effect);
  void perform(const agent::TerminateGroup& effect);
  void perform(const agent::KillGroup& effect);
  void perform(const agent::ReportStarted& effect);
  void perform(const agent::ReportFinished& effect);
  void perform(const agent::ForgetAttempt& effect);
  void perform(const agent::SpoolResult& effect);
  void perform(const agent::SayDraining& effect);
  void perform(const agent::Drained& effect);

  void spawned(const AttemptKey& key);
  void schedule_natural_end(const AttemptKey& key);
  void end_after(const AttemptKey& key, Duration delay, agent::ProcessEnded ended);
  void leave();

  World& world_;
  std::size_t index_;
  AgentInfo base_;
  AgentInfo info_;
  std::int64_t run_ = 0;
  double rate_ = 1;
  Duration offset_{};
  std::unique_ptr<agent::AgentCore> core_;
  ConnectionPtr connection_;
  bool dialing_ = false;
  Duration backoff_{100};
  Duration heartbeat_interval_{};
  std::int64_t beats_ = 0;  // tells the timer of the latest apart
  std::optional<TimePoint> timer_at_;
  std::int64_t next_life_ = 0;
  std::map<AttemptKey, Process> processes_;
};

}  // namespace hearth::sim
