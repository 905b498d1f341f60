// How fast jobs are placed, and what it costs when many wait.
//
// A fleet of 1,000 agents that is always full and jobs of 100 classes: each turn frees some places,
// and the scheduler fills them again while the number of waiting jobs stays what it is. The rate
// must not depend on that number.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "core/controller.h"
#include "sched/scheduler.h"

namespace hearth {
namespace {

constexpr int kAgents = 1'000;
constexpr int kClasses = 100;
constexpr std::size_t kFreedPerTurn = 1'000;
constexpr std::int64_t kMib = 1'024 * 1'024;

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

AgentInfo agent_info(int number) {
  AgentInfo info;
  info.id = AgentId("agent-" + std::to_string(number));
  info.instance = "instance-" + std::to_string(number);
  info.incarnation = "incarnation-" + std::to_string(number);
  info.hostname = "host";
  info.capacity = {.cpu_milli = 64'000, .memory_bytes = 256 * 1'024 * kMib, .gpus = 0, .named = {}};
  return info;
}

SchedulingSpec class_spec(int number, int priorities = 3) {
  SchedulingSpec spec;
  spec.request.cpu_milli = 500 + 10 * number;
  spec.request.memory_bytes = (256 + 8 * (number % 7)) * kMib;
  spec.priority = number % priorities;
  return spec;
}

// The scheduler alone: next, dequeue, reserve; release and enqueue keep it going.
class FullFleet {
 public:
  FullFleet(std::int64_t queued, int priorities) : resident_before_(resident_bytes()) {
    for (int i = 0; i < kAgents; ++i) {
      scheduler_.add_agent(agent_info(i), true);
    }
    for (int i = 0; i < kClasses; ++i) {
      classes_.push_back(scheduler_.acquire(sched::class_key_of(class_spec(i, priorities)), 0));
    }
    while (placeable_ || static_cast<std::int64_t>(scheduler_.queue().size()) < queued) {
      enqueue_one();
      if (placeable_ && scheduler_.queue().size() > kFreedPerTurn) {
        placeable_ = place(kFreedPerTurn) == kFreedPerTurn;
      }
    }
  }

  std::size_t place(std::size_t most) {
    std::size_t placed = 0;
    while (placed < most) {
      const auto placement = scheduler_.next();
      if (!placement) {
        break;
      }
      const sched::ClassId id = scheduler_.queue().at(placement->node).class_id;
      scheduler_.dequeue(placement->node);
      scheduler_.reserve(id, placement->agent, now_);
      running_.emplace_back(id, placement->agent);
      ++placed;
    }
    return placed;
  }

  void free_some(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      // Not the oldest one: the places that get free are spread over the fleet.
      std::swap(running_.front(), running_[(i * 7'919) % running_.size()]);
      scheduler_.release(running_.front().first, running_.front().second);
      running_.pop_front();
    }
  }

  void enqueue_one() {
    now_ += Duration(1);
    const sched::ClassId id = classes_[static_cast<std::size_t>(++last_id_ * 31) % classes_.size()];
    scheduler_.enqueue(id, JobId(last_id_), now_, 0);
  }

  [[nodiscard]] std::int64_t resident() const { return resident_bytes() - resident_before_; }

 private:
  std::int64_t resident_before_;
  sched::Scheduler scheduler_{std::chrono::hours(1'000'000)};
  std::vector<sched::ClassId> classes_;
  std::deque<std::pair<sched::ClassId, sched::AgentSlot>> running_;
  TimePoint now_{};
  std::uint64_t last_id_ = 0;
  bool placeable_ = true;
};

// Arguments: jobs queued, priorities. With one priority all classes are served alike whatever
// waits. With three of them a backlog that outlasts the run is served from the first priority only,
// and one that does not from all: then the jobs that are placed differ with the number that wait.
void BM_SchedulerRefill(benchmark::State& state) {
  FullFleet fleet(state.range(0), static_cast<int>(state.range(1)));
  state.counters["resident_MiB"] = static_cast<double>(fleet.resident()) / kMib;
  std::int64_t placed = 0;
  for (auto _ : state) {
    fleet.free_some(kFreedPerTurn);
    const std::size_t now = fleet.place(10 * kFreedPerTurn);
    placed += static_cast<std::int64_t>(now);
    state.PauseTiming();
    for (std::size_t i = 0; i < now; ++i) {
      fleet.enqueue_one();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(placed);
}
BENCHMARK(BM_SchedulerRefill)->ArgsProduct({{10'000, 30'000, 100'000, 300'000, 1'000'000}, {1, 3}});

void BM_SchedulerFillEmptyFleet(benchmark::State& state) {
  std::int64_t placed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    sched::Scheduler scheduler{std::chrono::hours(1)};
    for (int i = 0; i < kAgents; ++i) {
      scheduler.add_agent(agent_info(i), true);
    }
    std::vector<sched::ClassId> classes;
    for (int i = 0; i < kClasses; ++i) {
      classes.push_back(scheduler.acquire(sched::class_key_of(class_spec(i)), 0));
    }
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
      scheduler.enqueue(classes[i % classes.size()], JobId(i), TimePoint{}, 0);
    }
    state.ResumeTiming();
    while (const auto placement = scheduler.next()) {
      const sched::ClassId id = scheduler.queue().at(placement->node).class_id;
      scheduler.dequeue(placement->node);
      scheduler.reserve(id, placement->agent, TimePoint{});
      ++placed;
    }
  }
  state.SetItemsProcessed(placed);
}
BENCHMARK(BM_SchedulerFillEmptyFleet)->Unit(benchmark::kMillisecond);

// The whole core: what the loop calls, with events and effects. Jobs of 100 classes wait; each turn
// a thousand attempts end, as many jobs arrive and as many are placed.
class FullCluster {
 public:
  explicit FullCluster(std::int64_t queued) : resident_before_(resident_bytes()) {
    for (int i = 0; i < kAgents; ++i) {
      decide(core::AgentHello{static_cast<std::uint64_t>(i) + 1, agent_info(i), {}});
    }
    while (controller_.count(JobState::Queued) < queued) {
      submit(kFreedPerTurn);
      schedule();
    }
  }

  void schedule() {
    core::Decision decision;
    controller_.schedule(now_, decision);
    note(decision);
  }

  // Placements of one call, nothing else: `decision` is thrown away by the caller.
  void place(core::Decision& decision) { controller_.schedule(now_, decision); }

  void note(const core::Decision& decision) {
    for (const core::Effect& effect : decision.effects) {
      if (const auto* assign = std::get_if<core::AssignAttempt>(&effect)) {
        running_.push_back(*assign);
      }
    }
    std::vector<JobId> ended;
    for (const JobEvent& event : decision.changes.events) {
      if (is_final(event.after.state)) {
        ended.push_back(event.after.id);
      }
    }
    controller_.forget_ended(ended);
  }

  void finish_some(std::size_t count) {
    core::Decision decision;
    AttemptResult result;
    result.state = JobState::Completed;
    result.exit_code = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(running_.front(), running_[(i * 7'919) % running_.size()]);
      const core::AssignAttempt& assign = running_.front();
      controller_.decide(core::AttemptFinished{assign.link, assign.agent, assign.key, result, {}},
                         now_, decision);
      running_.pop_front();
    }
    note(decision);
  }

  void submit(std::size_t count) {
    now_ += Duration(1);
    core::Submit submit;
    for (std::size_t i = 0; i < count; ++i) {
      core::SubmitItem item;
      item.spec = class_spec(static_cast<int>(++submitted_ % kClasses));
      submit.items.push_back(std::move(item));
    }
    decide(submit);
  }

  [[nodiscard]] std::int64_t queued() const { return controller_.count(JobState::Queued); }
  [[nodiscard]] std::int64_t live() const { return controller_.live_jobs(); }
  [[nodiscard]] std::int64_t resident() const { return resident_bytes() - resident_before_; }

 private:
  static core::Options options() {
    core::Options options;
    options.queue_jobs_max = 2'000'000;
    options.turn_placements_max = 1'000'000;
    return options;
  }

  void decide(const core::Command& command) {
    core::Decision decision;
    controller_.decide(command, now_, decision);
    note(decision);
  }

  std::int64_t resident_before_;
  core::Controller controller_{options()};
  std::deque<core::AssignAttempt> running_;
  TimePoint now_ = time_from_ms(1'700'000'000'000);
  std::uint64_t submitted_ = 0;
};

void BM_CorePlace(benchmark::State& state) {
  FullCluster cluster(state.range(0));
  state.counters["resident_MiB"] = static_cast<double>(cluster.resident()) / kMib;
  state.counters["live_jobs"] = static_cast<double>(cluster.live());
  std::int64_t placed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    cluster.finish_some(kFreedPerTurn);
    core::Decision decision;
    state.ResumeTiming();
    cluster.place(decision);
    state.PauseTiming();
    const std::size_t now = decision.effects.size();
    placed += static_cast<std::int64_t>(now);
    cluster.note(decision);
    cluster.submit(now);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(placed);
}
BENCHMARK(BM_CorePlace)->Arg(10'000)->Arg(100'000)->Arg(900'000);

// Submit, place, finish and forget: everything the core does for a job.
void BM_CoreWholeJob(benchmark::State& state) {
  FullCluster cluster(state.range(0));
  for (auto _ : state) {
    cluster.finish_some(kFreedPerTurn);
    cluster.schedule();
    cluster.submit(kFreedPerTurn);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kFreedPerTurn));
}
BENCHMARK(BM_CoreWholeJob)->Arg(10'000)->Arg(100'000)->Arg(900'000);

}  // namespace
}  // namespace hearth
