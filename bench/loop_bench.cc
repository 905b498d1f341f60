// The controller's loop with its real store, without a network: what front doors and agents could
// get at most. Jobs go round as they do for a user: submitted, assigned, started, ended with a line
// of output, each step durable before anybody hears of it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>

#include "api/controller_loop.h"
#include "base/check.h"
#include "bench_controller.h"

namespace hearth::api {
namespace {

std::vector<SubmitRequestItem> one_job() {
  std::vector<SubmitRequestItem> items(1);
  items.front().spec.name = "bench";
  items.front().spec.execution.command = {"/bin/true"};
  items.front().spec.scheduling.request = {.cpu_milli = 100, .memory_bytes = limits::kMiB};
  return items;
}

// Runs whatever it is given at once: a line of output and the end.
class InstantAgent final : public AgentConnection {
 public:
  InstantAgent(AgentApi& api, Countdown& ended) : api_(api), ended_(ended) {}

  void connect(std::shared_ptr<AgentConnection> self) {
    AgentInfo info{.id = id_, .instance = "instance", .incarnation = "incarnation"};
    info.capacity = {.cpu_milli = limits::kCpuMilliMax, .memory_bytes = limits::kGiB * 1'024};
    info.max_parallel_jobs = 10'000;
    info.sandboxes = {SandboxLevel::None};
    ended_.add(1);
    api_.open(std::move(info), {}, std::move(self));
    ended_.wait();
  }

  void welcome(const core::Welcome& welcome) override {
    link_ = welcome.link;
    ended_.done();
  }
  void reject(const Error& error) override { HEARTH_CHECK(false, error.message); }
  void assign(const AttemptKey& key, std::string /*spec*/, std::string /*secrets*/) override {
    api_.started(link_, id_, key);
    HEARTH_CHECK(api_.output(id_, key, StreamKind::Stdout, 0, "hello\n"), "output");
    AttemptResult result{.state = JobState::Completed};
    result.exit_code = 0;
    result.stdout_bytes = 6;
    api_.finished(link_, id_, key, std::move(result));
  }
  void cancel(const AttemptKey& /*key*/) override {}
  void stop(const AttemptKey& /*key*/) override {}
  void ack(const AttemptKey& /*key*/, bool finished, bool /*accepted*/) override {
    if (finished) {
      ended_.done();
    }
  }
  void telemetry_wanted(Duration /*interval*/) override {}
  void telemetry_query(std::uint64_t /*id*/, const TelemetryQuery& /*query*/) override {}
  void drain() override {}
  void heartbeat_wanted(Duration /*interval*/) override {}

 private:
  AgentApi& api_;
  Countdown& ended_;
  const AgentId id_{"bench"};
  std::uint64_t link_ = 0;
};

void report(benchmark::State& state, Controller& controller) {
  const MetricsSnapshot metrics = controller.loop->metrics();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["events_per_commit"] =
      static_cast<double>(metrics.events) / static_cast<double>(metrics.commit.count);
}

// So many clients submit at once and wait for their answers.
void BM_Submit(benchmark::State& state) {
  Controller controller;
  Countdown answers;
  for (auto _ : state) {
    answers.add(state.range(0));
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      controller.loop->submit(one_job(), [&](const Result<SubmitResults>& results) {
        HEARTH_CHECK(results && results->front(), "submit");
        answers.done();
      });
    }
    answers.wait();
  }
  report(state, controller);
}
BENCHMARK(BM_Submit)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// So many jobs are submitted at once and run to their durable end.
void BM_RunToTheEnd(benchmark::State& state) {
  Controller controller;
  Countdown ended;
  const auto agent = std::make_shared<InstantAgent>(*controller.loop, ended);
  agent->connect(agent);
  for (auto _ : state) {
    ended.add(state.range(0));
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      controller.loop->submit(one_job(), [](const Result<SubmitResults>& results) {
        HEARTH_CHECK(results && results->front(), "submit");
      });
    }
    ended.wait();
  }
  report(state, controller);
}
BENCHMARK(BM_RunToTheEnd)->Arg(1)->Arg(16)->Arg(256)->Arg(4'096)->UseRealTime();

// A status poll, beside 10,000 other jobs.
void BM_Get(benchmark::State& state) {
  Controller controller;
  Countdown answers;
  JobId last;
  std::vector<SubmitRequestItem> items;
  for (std::int64_t i = 0; i < limits::kBatchItemsMax; ++i) {
    items.push_back(one_job().front());
  }
  answers.add(1);
  controller.loop->submit(std::move(items), [&](const Result<SubmitResults>& results) {
    HEARTH_CHECK(results && results->back(), "submit");
    last = results->back()->id;
    answers.done();
  });
  answers.wait();
  for (auto _ : state) {
    benchmark::DoNotOptimize(controller.loop->get(last));
  }
}
BENCHMARK(BM_Get);

}  // namespace
}  // namespace hearth::api
