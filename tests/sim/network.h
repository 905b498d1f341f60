// Connections between agents and the controller as gRPC gives them: in order while they last, and
// broken at any point with what was in flight lost, each side noticing in its own time.
//
// A partition stalls an agent's connection and refuses new ones; a break ends it. Orders of earlier
// controllers are remembered so that they can show up again, late.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "agent/core/agent_core.h"
#include "core/command.h"
#include "model/agent.h"

namespace hearth::sim {

class World;

struct HelloMessage {
  AgentInfo info;
  std::vector<core::HeldAttempt> held;
};
struct HeartbeatMessage {
  std::optional<Duration> interval;
};
struct DrainingMessage {};
struct StartedMessage {
  AttemptKey key;
};
struct FinishedMessage {
  AttemptKey key;
  AttemptResult result;
};
using UpMessage =
    std::variant<HelloMessage, HeartbeatMessage, DrainingMessage, StartedMessage, FinishedMessage>;

struct Rejected {};
struct HeartbeatWanted {
  Duration interval{};
};
using DownMessage = std::variant<agent::AgentCommand, Rejected, HeartbeatWanted>;

struct Connection {
  std::size_t agent = 0;
  std::int64_t agent_run = 0;
  std::int64_t controller_run = 0;
  std::uint64_t link = 0;  // 0 until the controller has read the hello
  AgentId agent_id;
  bool agent_open = true;
  bool controller_open = true;
  bool broken = false;
  std::deque<UpMessage> up;
  std::deque<DownMessage> down;
  TimePoint up_due{};
  TimePoint down_due{};
};

using ConnectionPtr = std::shared_ptr<Connection>;

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  // Null when nobody can be reached. The hello goes first.
  ConnectionPtr connect(std::size_t agent, std::int64_t agent_run, HelloMessage hello);
  void send_up(const ConnectionPtr& connection, UpMessage message);
  void send_down(const ConnectionPtr& connection, DownMessage message);

  // Cuts it in the middle; each side notices when the seed says so.
  void cut(const ConnectionPtr& connection);
  // One side closes in an orderly way: what it sent before arrives.
  void close_by_agent(const ConnectionPtr& connection);
  void close_by_controller(const ConnectionPtr& connection);
  void agent_died(std::size_t agent);
  void controller_died();

  void begin_partition(std::size_t agent);
  void end_partition(std::size_t agent);
  [[nodiscard]] bool partitioned(std::size_t agent) const { return partitions_.contains(agent); }
  [[nodiscard]] std::vector<ConnectionPtr> live() const;
  // An order that a controller of a lower epoch once sent to this agent, if any.
  [[nodiscard]] const agent::AgentCommand* ghost_for(std::size_t agent, std::uint64_t below) const;

 private:
  void deliver_up(const ConnectionPtr& connection);
  void deliver_down(const ConnectionPtr& connection);
  void schedule_up(const ConnectionPtr& connection);
  void schedule_down(const ConnectionPtr& connection);
  void notice_by_agent(const ConnectionPtr& connection, Duration delay);
  void notice_by_controller(const ConnectionPtr& connection, Duration delay);
  void prune();
  Duration latency();
  Duration notice_delay();

  World& world_;
  std::vector<ConnectionPtr> connections_;
  std::map<std::size_t, int> partitions_;
  std::map<std::size_t, std::deque<std::pair<std::uint64_t, agent::AgentCommand>>> orders_;
};

}  // namespace hearth::sim
