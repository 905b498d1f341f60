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

#include "agent/loop/event_loop.h"
#include "base/check.h"
#include "base/clock.h"
#include "bench_agent.h"
#include "bench_controller.h"

namespace hearth {
namespace {

class IdleAgent final : public BenchAgent {
 public:
  IdleAgent(int number, agent::EventLoop& loop, Log& log, const std::string& controller,
            Countdown& welcomed)
      : BenchAgent({.id = AgentId("idle-" + std::to_string(number)),
                    .version = HEARTH_VERSION,
                    .capacity = {.cpu_milli = 1, .memory_bytes = limits::kMiB},
                    .max_parallel_jobs = 1},
                   {.cpu_percent = 1.0, .memory_bytes = limits::kGiB}, loop, log, controller),
        welcomed_(welcomed) {}

  void on_order(const agent::AgentCommand& order) override {
    if (std::holds_alternative<agent::LinkUp>(order)) {
      welcomed_.done();
    }
  }

 private:
  Countdown& welcomed_;
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
