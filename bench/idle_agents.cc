// Agents that register with a controller and then only beat: what many machines at rest are to it.
//
//   idle_agents HOST:PORT COUNT
//
// Registers them one after the other, says how long each took from its first byte to the welcome,
// and stays until standard input ends. They offer nothing, so that no job is ever placed on them.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/link/grpc_link.h"
#include "agent/loop/event_loop.h"
#include "base/check.h"
#include "base/clock.h"
#include "bench_controller.h"

namespace hearth {
namespace {

class SomeUsage final : public agent::MachineUsage {
 public:
  AgentUsage read() override { return {.cpu_percent = 1.0, .memory_bytes = limits::kGiB}; }
};

class IdleAgent final : public agent::LinkListener, public agent::OutputSource {
 public:
  IdleAgent(int number, agent::EventLoop& loop, Log& log, const std::string& controller,
            Countdown& welcomed)
      : id_("idle-" + std::to_string(number)),
        welcomed_(welcomed),
        link_(agent::make_grpc_link({loop, log, usage_, *this}, {.controller = controller})) {}

  void start() { link_->start(*this); }
  void close() { link_.reset(); }

  agent::LinkHello hello() override {
    AgentInfo info{.id = AgentId(id_), .instance = id_, .incarnation = "incarnation"};
    info.version = HEARTH_VERSION;
    info.capacity = {.cpu_milli = 1, .memory_bytes = limits::kMiB};
    info.max_parallel_jobs = 1;
    info.sandboxes = {SandboxLevel::None};
    return {std::move(info), {}, 0};
  }
  void on_order(const agent::AgentCommand& order) override {
    if (std::holds_alternative<agent::LinkUp>(order)) {
      welcomed_.done();
    }
  }
  void on_assign(agent::AssignOrder /*order*/) override {}
  void on_telemetry_wanted(Duration /*interval*/) override {}
  void on_telemetry_query(std::uint64_t /*id*/, const TelemetryQuery& /*query*/) override {}
  void on_beat() override {}
  void on_rejected(const Error& error) override { HEARTH_CHECK(false, error.message); }
  output::LogSlice read_output(const agent::OutputStreamKey& /*stream*/, std::int64_t offset,
                               std::int64_t /*max*/) override {
    return {offset, "", offset};
  }

 private:
  const std::string id_;
  Countdown& welcomed_;
  SomeUsage usage_;
  std::unique_ptr<agent::ControllerLink> link_;
};

void run(const std::string& controller, int count) {
  SystemClock clock;
  const std::unique_ptr<Log> log = make_null_log();
  const auto loop = agent::EventLoop::create(clock).value();
  std::thread thread([&] { loop->run(); });
  std::vector<std::unique_ptr<IdleAgent>> agents;
  std::vector<double> took_ms;
  Countdown welcomed;
  for (int i = 0; i < count; ++i) {
    agents.push_back(std::make_unique<IdleAgent>(i, *loop, *log, controller, welcomed));
    welcomed.add(1);
    const std::int64_t began = clock.monotonic_ns();
    HEARTH_CHECK(loop->post([&agents, i] { agents[static_cast<std::size_t>(i)]->start(); }),
                 "the loop takes a task");
    welcomed.wait();
    took_ms.push_back(static_cast<double>(clock.monotonic_ns() - began) / 1e6);
  }
  std::sort(took_ms.begin(), took_ms.end());
  std::printf("registered %d agents: median %.2f ms, p99 %.2f ms\n", count,
              took_ms[took_ms.size() / 2], took_ms[took_ms.size() * 99 / 100]);
  std::fflush(stdout);
  char ignored = 0;
  while (read(STDIN_FILENO, &ignored, 1) > 0) {
  }
  loop->stop();
  thread.join();
  for (const auto& agent : agents) {
    agent->close();
  }
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  int count = 0;
  const std::string_view number = argc == 3 ? argv[2] : "";
  std::from_chars(number.data(), number.data() + number.size(), count);
  if (count <= 0) {
    std::fprintf(stderr, "usage: idle_agents HOST:PORT COUNT\n");
    return 2;
  }
  hearth::run(argv[1], count);
  return 0;
}
