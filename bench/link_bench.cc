// Jobs without a process: the controller's loop, its real store and the agent link over loopback,
// with agents that end each job the moment they are told of it. What Hearth costs beside the work.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/loop/event_loop.h"
#include "api/doorkeeper.h"
#include "base/check.h"
#include "bench_agent.h"
#include "bench_controller.h"
#include "front/agentlink/agent_link_server.h"

namespace hearth {
namespace {

struct Served : Controller {
  Served() {
    keeper = api::Doorkeeper::start(store->tokens().value(),
                                    {.clock = clock, .log = *log, .on_fatal = [](const Error&) {}})
                 .value();
    server = front::agentlink::AgentLinkServer::start(*loop, *keeper,
                                                      {.address = "127.0.0.1:0", .is_open = true})
                 .value();
  }
  ~Served() { server->stop(); }

  std::unique_ptr<api::Doorkeeper> keeper;
  std::unique_ptr<front::agentlink::AgentLinkServer> server;
};

class InstantAgent final : public BenchAgent {
 public:
  InstantAgent(int number, agent::EventLoop& loop, Log& log, const std::string& controller,
               Countdown& ended)
      : BenchAgent({.id = AgentId("bench-" + std::to_string(number)),
                    .capacity = {.cpu_milli = 1'000, .memory_bytes = limits::kGiB},
                    .max_parallel_jobs = limits::kParallelJobsDefault},
                   {}, loop, log, controller),
        ended_(ended) {}

  void on_order(const agent::AgentCommand& order) override {
    const auto* ack = std::get_if<agent::ReportAcked>(&order);
    if (std::holds_alternative<agent::LinkUp>(order) || (ack != nullptr && ack->finished)) {
      ended_.done();
    }
  }
  void on_assign(agent::AssignOrder order) override {
    link().report_started(order.key);
    AttemptResult result{.state = JobState::Completed};
    result.exit_code = 0;
    link().report_finished(order.key, result);
  }

 private:
  Countdown& ended_;
};

// range(0): jobs in a batch, range(1): agents, 64 jobs at a time on each.
void BM_JobsOverTheLink(benchmark::State& state) {
  Served controller;
  Countdown ended;
  SystemClock clock;
  const auto loop = agent::EventLoop::create(clock).value();
  const std::string address = "127.0.0.1:" + std::to_string(controller.server->port());
  std::vector<std::unique_ptr<InstantAgent>> agents;
  for (int i = 0; i < state.range(1); ++i) {
    agents.push_back(std::make_unique<InstantAgent>(i, *loop, *controller.log, address, ended));
    agents.back()->start();
  }
  ended.add(state.range(1));
  std::thread thread([&] { loop->run(); });
  ended.wait();
  for (auto _ : state) {
    std::vector<api::SubmitRequestItem> items(static_cast<std::size_t>(state.range(0)));
    for (api::SubmitRequestItem& item : items) {
      item.spec.execution.command = {"/bin/true"};
      item.spec.scheduling.request = {.cpu_milli = 15, .memory_bytes = limits::kMiB};
    }
    ended.add(state.range(0));
    controller.loop->submit(std::move(items), [](const Result<api::SubmitResults>& results) {
      HEARTH_CHECK(results && results->front(), "submit");
    });
    ended.wait();
  }
  loop->stop();
  thread.join();
  for (const auto& agent : agents) {
    agent->close();
  }
  const api::MetricsSnapshot metrics = controller.loop->metrics();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["events_per_commit"] =
      static_cast<double>(metrics.events) / static_cast<double>(metrics.commit.count);
}
BENCHMARK(BM_JobsOverTheLink)
    ->ArgNames({"batch", "agents"})
    ->Args({100, 4})
    ->Args({1'000, 4})
    ->Args({10'000, 1})
    ->Args({10'000, 4})
    ->Args({10'000, 16})
    ->UseRealTime();

}  // namespace
}  // namespace hearth
