#include "network.h"

#include <algorithm>
#include <utility>

#include "world.h"

namespace hearth::sim {
namespace {

constexpr std::size_t kOrdersRemembered = 16;

std::optional<std::uint64_t> epoch_of(const agent::AgentCommand& command) {
  return std::visit(
      [](const auto& value) -> std::optional<std::uint64_t> {
        if constexpr (requires { value.controller_epoch; }) {
          return value.controller_epoch;
        } else {
          return std::nullopt;
        }
      },
      command);
}

}  // namespace

Duration Network::latency() {
  return world_.random.duration(0, world_.options.latency_max.count());
}

Duration Network::notice_delay() {
  if (world_.faults_on && world_.random.chance(world_.options.faults.half_open)) {
    return world_.random.duration(1'000, 45'000);
  }
  return world_.random.duration(0, 50);
}

ConnectionPtr Network::connect(std::size_t agent, std::int64_t agent_run, HelloMessage hello) {
  if (partitioned(agent) || !world_.controller.up()) {
    return nullptr;
  }
  auto connection = std::make_shared<Connection>();
  connection->agent = agent;
  connection->agent_run = agent_run;
  connection->agent_id = hello.info.id;
  connection->controller_run = world_.controller.run();
  connections_.push_back(connection);
  send_up(connection, std::move(hello));
  prune();
  return connection;
}

void Network::send_up(const ConnectionPtr& connection, UpMessage message) {
  if (!connection->agent_open || connection->broken) {
    return;
  }
  connection->up.push_back(std::move(message));
  schedule_up(connection);
}

void Network::send_down(const ConnectionPtr& connection, DownMessage message) {
  if (!connection->controller_open || connection->broken) {
    return;
  }
  if (const auto* order = std::get_if<agent::AgentCommand>(&message)) {
    if (const auto epoch = epoch_of(*order)) {
      auto& orders = orders_[connection->agent];
      orders.emplace_back(*epoch, *order);
      if (orders.size() > kOrdersRemembered) {
        orders.pop_front();
      }
    }
  }
  connection->down.push_back(std::move(message));
  schedule_down(connection);
}

void Network::schedule_up(const ConnectionPtr& connection) {
  connection->up_due = std::max(connection->up_due, world_.timeline.now() + latency());
  world_.timeline.at(connection->up_due, [this, connection] { deliver_up(connection); });
}

void Network::schedule_down(const ConnectionPtr& connection) {
  connection->down_due = std::max(connection->down_due, world_.timeline.now() + latency());
  world_.timeline.at(connection->down_due, [this, connection] { deliver_down(connection); });
}

void Network::deliver_up(const ConnectionPtr& connection) {
  if (connection->up.empty() || !connection->controller_open || partitioned(connection->agent)) {
    return;
  }
  UpMessage message = std::move(connection->up.front());
  connection->up.pop_front();
  world_.controller.receive(connection, message);
}

void Network::deliver_down(const ConnectionPtr& connection) {
  if (connection->down.empty() || !connection->agent_open || partitioned(connection->agent)) {
    return;
  }
  const DownMessage message = std::move(connection->down.front());
  connection->down.pop_front();
  world_.agents[connection->agent]->receive(connection, message);
}

void Network::notice_by_agent(const ConnectionPtr& connection, Duration delay) {
  world_.timeline.after(delay, [this, connection] {
    if (connection->agent_open) {
      connection->agent_open = false;
      world_.agents[connection->agent]->link_closed(connection);
    }
  });
}

void Network::notice_by_controller(const ConnectionPtr& connection, Duration delay) {
  world_.timeline.after(delay, [this, connection] {
    if (connection->controller_open) {
      connection->controller_open = false;
      world_.controller.link_closed(connection);
    }
  });
}

void Network::cut(const ConnectionPtr& connection) {
  if (connection->broken) {
    return;
  }
  connection->broken = true;
  // What the other side's socket has already received is still read.
  connection->up.resize(world_.random.index(connection->up.size() + 1));
  connection->down.resize(world_.random.index(connection->down.size() + 1));
  notice_by_agent(connection, notice_delay());
  notice_by_controller(connection, notice_delay());
}

void Network::close_by_agent(const ConnectionPtr& connection) {
  if (!connection->agent_open) {
    return;
  }
  connection->agent_open = false;
  connection->down.clear();
  if (!connection->broken) {
    connection->broken = true;
    const auto drained = connection->up_due - world_.timeline.now();
    notice_by_controller(connection, std::max(drained, Duration(0)) + notice_delay());
  }
}

void Network::close_by_controller(const ConnectionPtr& connection) {
  if (!connection->controller_open) {
    return;
  }
  connection->controller_open = false;
  connection->up.clear();
  if (!connection->broken) {
    connection->broken = true;
    const auto drained = connection->down_due - world_.timeline.now();
    notice_by_agent(connection, std::max(drained, Duration(0)) + notice_delay());
  }
}

void Network::agent_died(std::size_t agent) {
  for (const ConnectionPtr& connection : std::vector<ConnectionPtr>(connections_)) {
    if (connection->agent == agent) {
      close_by_agent(connection);
    }
  }
}

void Network::controller_died() {
  for (const ConnectionPtr& connection : std::vector<ConnectionPtr>(connections_)) {
    close_by_controller(connection);
  }
}

void Network::begin_partition(std::size_t agent) {
  ++partitions_[agent];
}

void Network::end_partition(std::size_t agent) {
  if (--partitions_[agent] > 0) {
    return;
  }
  partitions_.erase(agent);
  for (const ConnectionPtr& connection : connections_) {
    if (connection->agent != agent) {
      continue;
    }
    for (std::size_t i = 0; i < connection->up.size(); ++i) {
      schedule_up(connection);
    }
    for (std::size_t i = 0; i < connection->down.size(); ++i) {
      schedule_down(connection);
    }
  }
}

std::vector<ConnectionPtr> Network::live() const {
  std::vector<ConnectionPtr> live;
  std::copy_if(connections_.begin(), connections_.end(), std::back_inserter(live),
               [](const ConnectionPtr& connection) { return !connection->broken; });
  return live;
}

void Network::prune() {
  std::erase_if(connections_, [](const ConnectionPtr& connection) {
    return !connection->agent_open && !connection->controller_open;
  });
}

const agent::AgentCommand* Network::ghost_for(std::size_t agent, std::uint64_t below) const {
  const auto orders = orders_.find(agent);
  if (orders == orders_.end()) {
    return nullptr;
  }
  for (const auto& [epoch, order] : orders->second) {
    if (epoch < below) {
      return &order;
    }
  }
  return nullptr;
}

}  // namespace hearth::sim
