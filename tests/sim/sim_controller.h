// The shell around the real core::Controller: mailbox, turns, pipelined appends, effects released
// only after they are durable; and its deaths, at any moment and around any append.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/controller.h"
#include "network.h"

namespace hearth::sim {

class World;

struct PlannedItem {
  std::size_t plan = 0;
  std::vector<std::pair<std::size_t, DependencyCondition>> after_refs;
  std::string idempotency_key;
};

using ReplyCallback = std::function<void(const core::Effect&)>;

class SimController {
 public:
  explicit SimController(World& world) : world_(world) {}

  void start();
  void crash();
  [[nodiscard]] bool up() const { return core_ != nullptr; }
  [[nodiscard]] std::int64_t run() const { return run_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] const core::Controller* core() const { return core_.get(); }
  // Nothing decided waits for the store and nothing received waits to be decided.
  [[nodiscard]] bool quiescent() const {
    return core_ != nullptr && mailbox_.empty() && pending_.empty() && !writing_;
  }

  // From clients. False: 503, nothing was taken.
  bool submit(const std::vector<PlannedItem>& items, ReplyCallback reply);
  bool cancel(JobId job, ReplyCallback reply);
  bool explain(JobId job, ReplyCallback reply);
  bool drain(const AgentId& agent, bool enable, ReplyCallback reply);

  // From the network.
  void receive(const ConnectionPtr& connection, const UpMessage& message);
  void link_closed(const ConnectionPtr& connection);

  // Nothing is decided for so long; what arrives waits.
  void pause(Duration length);
  // Why the job waits, as an operator would be told.
  std::string explain(JobId job);
  // The wall clock of the controller's host jumps.
  void jump_clock(Duration by) { clock_offset_ += by; }
  [[nodiscard]] TimePoint wall() const;
  [[nodiscard]] core::Now now() const;
  [[nodiscard]] std::int64_t crashes() const { return crashes_; }
  // Builds a second core from the rows and compares; only while quiescent.
  void check_recovery() const;

 private:
  struct Turn {
    core::Decision decision;
    std::vector<JobId> ended;
  };

  bool post(core::Command command);
  void turn();
  void resolve(core::Submit& submit) const;
  void check_core();
  void write();
  void finish_write();
  void remove_past();
  void make_durable();
  void release(const Turn& turn);
  void arm_tick();
  ConnectionPtr connection_of(std::uint64_t link) const;
  void reply(core::RequestToken token, const core::Effect& effect);

  void perform(const core::ReplySubmit& effect);
  void perform(const core::ReplyCancel& effect);
  void perform(const core::ReplyExplain& effect);
  void perform(const core::ReplyDrain& effect);
  void perform(const core::Welcome& effect);
  void perform(const core::RejectAgent& effect);
  void perform(const core::AssignAttempt& effect);
  void perform(const core::CancelAttempt& effect);
  void perform(const core::StopAttempt& effect);
  void perform(const core::AckReport& effect);
  void perform(const core::SendDrain& effect);
  void perform(const core::PaceHeartbeats& effect);

  World& world_;
  std::unique_ptr<core::Controller> core_;
  std::int64_t run_ = 0;
  std::uint64_t epoch_ = 0;
  std::int64_t crashes_ = 0;
  Duration clock_offset_{};
  std::deque<core::Command> mailbox_;
  bool turn_scheduled_ = false;
  TimePoint paused_until_{};
  std::optional<TimePoint> tick_at_;
  std::deque<Turn> pending_;
  std::vector<Turn> batch_;
  bool writing_ = false;
  bool storage_unavailable_ = false;
  core::RequestToken next_token_ = 1;
  std::map<core::RequestToken, ReplyCallback> waiting_;
  std::uint64_t next_link_ = 1;
  std::map<std::uint64_t, ConnectionPtr> links_;
};

}  // namespace hearth::sim
