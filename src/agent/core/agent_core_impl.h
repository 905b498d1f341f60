// What an agent remembers of its attempts, and what may happen to them: what it is told
// (agent_orders.cc), what it does (attempt_steps.cc), what is due (agent_core.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/agent_core.h"
#include "agent/core/attempt_end.h"

namespace hearth::agent {

class AgentCore::Impl {
 public:
  enum class Phase : std::uint8_t {
    Assigned,  // an older attempt of the same job is still dying here
    Starting,
    Running,
    Exited,  // the result is spooled and waits for its acknowledgement
  };

  enum class Ending : std::uint8_t { No, Terminating, Killing };

  struct Held {
    Phase phase = Phase::Assigned;
    Duration grace{};
    bool kill_on_output_limit = false;
    std::optional<TimePoint> times_out_at;  // set from process start until something ends it
    bool started = false;
    bool started_acked = false;
    // The controller disowned it: no report, gone when its processes are.
    bool disowned = false;
    Ending ending = Ending::No;
    TimePoint next_kill_at{};  // meaningful while ending
    EndCauses causes;
    AttemptResult result;  // meaningful once Exited
  };

  void handle(const AgentCommand& command, TimePoint now, std::vector<AgentEffect>& effects) {
    now_ = now;
    effects_ = &effects;
    std::visit([this](const auto& value) { on(value); }, command);
    fire_timers();
    finish_drain();
    effects_ = nullptr;
  }

  std::map<AttemptKey, Held> attempts_;
  std::uint64_t epoch_seen_ = 0;
  bool drain_ordered_ = false;
  bool drain_begun_ = false;

  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] std::int64_t running() const;
  void check_invariants() const;

 private:
  using Entry = std::map<AttemptKey, Held>::iterator;

  void on(const LinkUp& command);
  void on(const LinkDown&) { link_up_ = false; }
  void on(const Assign& command);
  void on(const CancelOrder& command);
  void on(const StopOrder& command);
  void on(const ReportAcked& command);
  void on(const DrainOrder& command);
  void on(const BeginDrain& command);
  void on(const SpawnDone& command);
  void on(const SpawnFailed& command);
  void on(const ProcessEnded& command);
  void on(const OutputLimitReached& command);
  void on(const TimePassed&) {}

  template <class E>
  void emit(E effect) {
    effects_->push_back(std::move(effect));
  }

  // False for an order of a deposed controller.
  bool accept_epoch(std::uint64_t epoch);
  void start_or_wait(Entry entry);
  void terminate(Entry entry);
  void kill(Entry entry);
  void disown(Entry entry);
  void finish(Entry entry, AttemptResult result);
  void forget(Entry entry);
  void start_successor(JobId job);
  void report(Entry entry);
  void fire_timers();
  void evict_for_drain();
  void finish_drain();

  TimePoint now_{};
  std::vector<AgentEffect>* effects_ = nullptr;
  bool link_up_ = false;
  Duration drain_deadline_{};
  TimePoint evict_at_{};
  bool evicted_ = false;
  bool drained_said_ = false;
};

}  // namespace hearth::agent
