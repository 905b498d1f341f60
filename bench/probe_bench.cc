// What it costs to look at workers: CPU time of one collection over 10, 100 and 1,000 real groups
// with a sleeping process each, of the parts of it, and of the machine's own figures.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/probe/collector.h"
#include "agent/probe/group_walk.h"
#include "base/clock.h"
#include "base/telemetry_limits.h"

namespace hearth::agent {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "probe_bench: %s\n", why.c_str());
  std::abort();
}

// Groups with limits and one process each that sleeps.
class Workers {
 public:
  explicit Workers(std::int64_t count, bool force_none = false) {
    auto probed = probe_cgroup_driver({.cgroup_root = {},
                                       .instance = "bench-" + std::to_string(getpid()),
                                       .force_none = force_none,
                                       .groups_kept_max = 0});
    if (!probed) {
      give_up(probed.error().message);
    }
    driver_ = std::move(probed->driver);
    for (std::int64_t i = 0; i < count; ++i) {
      auto group = driver_->create("w" + std::to_string(i), {.memory_bytes = 64 * limits::kMiB,
                                                             .cpu_limit_milli = 1'000,
                                                             .cpu_weight_milli = 100,
                                                             .pids = 64});
      if (!group) {
        give_up(group.error().message);
      }
      start(**group);
      groups_.push_back(std::move(*group));
    }
  }
  ~Workers() {
    for (const pid_t pid : pids_) {
      kill(pid, SIGKILL);
    }
    while (wait(nullptr) > 0) {
    }
    for (const auto& group : groups_) {
      while (!group->remove()) {
      }
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void add_to(Collector& collector) const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      collector.add({.id = groups_[i]->name(),
                     .folders = groups_[i]->folders(),
                     .leader = pids_[i],
                     .marks = groups_[i]->env_marks(),
                     .started_ns = 1});
    }
  }
  [[nodiscard]] CgroupDriver& driver() const { return *driver_; }

 private:
  void start(CgroupHandle& group) {
    const auto paths = group.join_paths();
    const pid_t pid = fork();
    if (pid == 0) {
      setsid();
      for (const std::string& path : paths) {
        const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (write(fd, "0", 1) != 1) {
          _exit(1);
        }
        close(fd);
      }
      for (;;) {
        pause();
      }
    }
    pids_.push_back(pid);
    group.set_leader(pid);
  }

  std::unique_ptr<CgroupDriver> driver_;
  std::vector<std::unique_ptr<CgroupHandle>> groups_;
  std::vector<pid_t> pids_;
};

// Real, and as much further with each collection as the agent waits between two.
class LeapingClock final : public Clock {
 public:
  TimePoint now() override { return clock_.now() + leaps_; }
  std::int64_t monotonic_ns() override {
    return clock_.monotonic_ns() + std::chrono::nanoseconds(leaps_).count();
  }
  void leap(Duration by) { leaps_ += by; }

 private:
  SystemClock clock_;
  Duration leaps_{};
};

std::int64_t used_cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

void collect(benchmark::State& state, bool force_none, std::int64_t files_kept_max,
             Duration leap = limits::kTelemetryInterval) {
  LeapingClock clock;
  const Workers workers(state.range(0), force_none);
  Collector collector({.clock = clock},
                      {.proc_root = "/proc", .files_kept_max = files_kept_max, .machine = {}});
  workers.add_to(collector);
  // What is looked for only at first, such as a model, is over.
  for (int i = 0; i < limits::kProbeModelLooksMax; ++i) {
    clock.leap(leap);
    benchmark::DoNotOptimize(collector.collect());
  }
  const std::int64_t before_us = used_cpu_us();
  for (auto _ : state) {
    clock.leap(leap);
    for (const WorkerReading& reading : collector.collect()) {
      if (!reading.problem.empty()) {
        give_up(reading.problem);
      }
    }
  }
  state.counters["cpu_us"] =
      static_cast<double>(used_cpu_us() - before_us) / static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetLabel(std::string(to_string(workers.driver().enforcement())));
}

void Collect(benchmark::State& state) {
  collect(state, false, limits::kProbeFilesKeptMax);
}
BENCHMARK(Collect)->ArgName("workers")->Arg(10)->Arg(100)->Arg(1'000);

// As of workers that run: nothing is kept because they did not.
void CollectEverything(benchmark::State& state) {
  collect(state, false, limits::kProbeFilesKeptMax, limits::kProbeQuietInterval);
}
BENCHMARK(CollectEverything)->ArgName("workers")->Arg(10)->Arg(100)->Arg(1'000);

// As if no descriptor could be kept.
void CollectOpeningEachTime(benchmark::State& state) {
  collect(state, false, 0, limits::kProbeQuietInterval);
}
BENCHMARK(CollectOpeningEachTime)->ArgName("workers")->Arg(100);

void CollectWithoutGroups(benchmark::State& state) {
  collect(state, true, limits::kProbeFilesKeptMax);
}
BENCHMARK(CollectWithoutGroups)->ArgName("workers")->Arg(10)->Arg(100);

void AddWorkers(benchmark::State& state) {
  SystemClock clock;
  const Workers workers(state.range(0));
  for (auto _ : state) {
    Collector collector({.clock = clock}, {});
    workers.add_to(collector);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(AddWorkers)->ArgName("workers")->Arg(100);

void WalkGroups(benchmark::State& state) {
  const Workers workers(state.range(0));
  const GroupFolders base = workers.driver().folders();
  if (base.kind == Enforcement::None) {
    state.SkipWithError("this host has no groups");
    return;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(enumerate_groups(base));
  }
}
BENCHMARK(WalkGroups)->ArgName("workers")->Arg(100);

void Machine(benchmark::State& state) {
  SystemClock clock;
  MachineProbe probe(clock, {.root = "", .data_dir = "/", .cpu_milli = {}});
  for (auto _ : state) {
    benchmark::DoNotOptimize(probe.read());
  }
}
BENCHMARK(Machine);

}  // namespace
}  // namespace hearth::agent
