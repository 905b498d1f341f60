// An agent without a machine: it says hello over a real link and does what its subclass makes of
// orders.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agent/link/grpc_link.h"
#include "agent/loop/event_loop.h"
#include "base/check.h"
#include "base/log.h"

namespace hearth {

class BenchAgent : public agent::LinkListener, public agent::OutputSource {
 public:
  void start() { link_->start(*this); }
  // Before the loop is gone.
  void close() { link_.reset(); }

  agent::LinkHello hello() override { return {info_, {}, 0}; }
  void on_assign(agent::AssignOrder /*order*/) override {}
  void on_telemetry_wanted(Duration /*interval*/) override {}
  void on_telemetry_query(std::uint64_t /*id*/, const TelemetryQuery& /*query*/) override {}
  void on_beat() override {}
  void on_rejected(const Error& error) override { HEARTH_CHECK(false, error.message); }
  output::LogSlice read_output(const agent::OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t /*max*/) override {
    return {offset, "", offset};
  }

 protected:
  BenchAgent(AgentInfo info, const AgentUsage& usage, agent::EventLoop& loop, Log& log,
             const std::string& controller)
      : info_(std::move(info)),
        usage_(usage),
        link_(agent::make_grpc_link({loop, log, usage_, *this}, {.controller = controller})) {
    info_.instance = info_.id.value();
    info_.incarnation = "incarnation";
    info_.sandboxes = {SandboxLevel::None};
  }

  [[nodiscard]] agent::ControllerLink& link() { return *link_; }

 private:
  class SameUsage final : public agent::MachineUsage {
   public:
    explicit SameUsage(const AgentUsage& usage) : usage_(usage) {}
    AgentUsage read() override { return usage_; }

   private:
    const AgentUsage usage_;
  };

  AgentInfo info_;
  SameUsage usage_;
  std::unique_ptr<agent::ControllerLink> link_;
};

}  // namespace hearth
