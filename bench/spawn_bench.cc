// Processes per second: /bin/true by a bare loop, by hearth-launcher, with and without groups, and
// by the whole command runtime. The bare loops are the host's physical limit for the same work, so
// what counts are the ratios within one run. Each keeps kInFlight processes going.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/launcher/real_launcher.h"
#include "agent/loop/event_loop.h"
#include "agent/runtimes/command_runtime.h"
#include "base/clock.h"
#include "base/log.h"

namespace hearth::agent {
namespace {

constexpr int kInFlight = 4;
constexpr const char* kProgram = "/bin/true";

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "spawn_bench: %s\n", error.message.c_str());
  std::abort();
}

template <class T>
T value_of(Result<T> result) {
  if (!result) {
    give_up(result.error());
  }
  return std::move(*result);
}

GroupLimits some_limits() {
  return {.memory_bytes = 512 * limits::kMiB,
          .cpu_limit_milli = 2'000,
          .cpu_weight_milli = 1'000,
          .pids = limits::kPidsMaxDefault};
}

std::unique_ptr<CgroupDriver> best_driver(std::int64_t groups_kept_max) {
  return value_of(probe_cgroup_driver({.instance = "bench-" + std::to_string(getpid()),
                                       .groups_kept_max = groups_kept_max}))
      .driver;
}

void remove_group(CgroupHandle& group) {
  while (!group.remove()) {
  }
}

// CPU time of this process and of all that it has waited for: what a busy host leaves comparable.
class CpuMeter {
 public:
  void report(benchmark::State& state) const {
    const auto items = static_cast<double>(state.iterations());
    state.SetItemsProcessed(state.iterations());
    state.counters["cpu_us_each"] = static_cast<double>(used_us() - start_us_) / items;
  }

 private:
  static std::int64_t used_us() {
    std::int64_t sum = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
      rusage usage{};
      getrusage(who, &usage);
      sum += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
             usage.ru_stime.tv_usec;
    }
    return sum;
  }

  std::int64_t start_us_ = used_us();
};

void BarePosixSpawn(benchmark::State& state) {
  const CpuMeter meter;
  char* const argv[] = {const_cast<char*>(kProgram), nullptr};
  char* const envp[] = {nullptr};
  int running = 0;
  for (auto _ : state) {
    pid_t pid = 0;
    if (posix_spawn(&pid, kProgram, nullptr, nullptr, argv, envp) != 0) {
      std::abort();
    }
    if (++running == kInFlight) {
      wait(nullptr);
      --running;
    }
  }
  while (wait(nullptr) > 0) {
  }
  meter.report(state);
}
BENCHMARK(BarePosixSpawn)->UseRealTime()->MinTime(2);

// Makes, fills and removes the groups that the agent would, and nothing else; with /kept they are
// used again where the driver can.
void BareForkInGroups(benchmark::State& state) {
  const CpuMeter meter;
  const auto driver = best_driver(state.range(0));
  char* const argv[] = {const_cast<char*>(kProgram), nullptr};
  char* const envp[] = {nullptr};
  std::map<pid_t, std::unique_ptr<CgroupHandle>> running;
  std::int64_t number = 0;
  const auto end_one = [&] {
    const auto ended = running.find(wait(nullptr));
    remove_group(*ended->second);
    running.erase(ended);
  };
  for (auto _ : state) {
    auto group = value_of(driver->create("g" + std::to_string(++number), some_limits()));
    const auto paths = group->join_paths();
    const pid_t pid = fork();
    if (pid == 0) {
      for (const std::string& path : paths) {
        const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (write(fd, "0", 1) != 1) {
          _exit(1);
        }
      }
      execve(kProgram, argv, envp);
      _exit(1);
    }
    running.emplace(pid, std::move(group));
    if (running.size() == kInFlight) {
      end_one();
    }
  }
  while (!running.empty()) {
    end_one();
  }
  meter.report(state);
  state.SetLabel(std::string(to_string(driver->enforcement())));
}
BENCHMARK(BareForkInGroups)
    ->ArgName("kept")
    ->Arg(0)
    ->Arg(limits::kGroupsKeptMax)
    ->UseRealTime()
    ->MinTime(2);

// The launcher alone, and with groups made and removed by this side.
void ByLauncher(benchmark::State& state) {
  const CpuMeter meter;
  const bool with_groups = state.range(0) != 0;
  SystemClock clock;
  const auto loop = value_of(EventLoop::create(clock));
  auto launcher = value_of(RealLauncher::start({.helper_path = HEARTH_LAUNCHER_PROGRAM}));
  const auto driver = best_driver(limits::kGroupsKeptMax);
  std::map<SpawnId, std::unique_ptr<CgroupHandle>> running;
  launcher->set_events({.on_spawned =
                            [](const SpawnOutcome& outcome) {
                              if (outcome.pid <= 0) {
                                give_up(internal_error(outcome.message));
                              }
                            },
                        .on_exited =
                            [&](const ExitOutcome& outcome) {
                              const auto ended = running.find(outcome.id);
                              if (ended->second) {
                                remove_group(*ended->second);
                              }
                              running.erase(ended);
                            },
                        .on_lost = [](const std::string&) { std::abort(); }});
  (void)loop->add_fd(launcher->fd(), Interest::Read, [&](Ready) { launcher->process_events(); });
  SpawnId id = 0;
  for (auto _ : state) {
    SpawnRequest request{.id = ++id, .command = {kProgram}};
    std::unique_ptr<CgroupHandle> group;
    if (with_groups) {
      group = value_of(driver->create("g" + std::to_string(id), some_limits()));
      request.join_paths = group->join_paths();
    }
    running.emplace(id, std::move(group));
    if (const auto sent = launcher->spawn(request); !sent) {
      give_up(sent.error());
    }
    while (running.size() >= kInFlight) {
      loop->run_once(Duration(1'000));
    }
  }
  while (!running.empty()) {
    loop->run_once(Duration(1'000));
  }
  launcher.reset();
  meter.report(state);
}
BENCHMARK(ByLauncher)->ArgName("groups")->Arg(0)->Arg(1)->UseRealTime()->MinTime(2);

// All that the agent does for a job: group, folder, pipes, output, figures, clean-up.
void ByCommandRuntime(benchmark::State& state) {
  const CpuMeter meter;
  std::string folder = (std::filesystem::temp_directory_path() / "hearth-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    std::abort();
  }
  SystemClock clock;
  const auto log = make_null_log();
  const auto loop = value_of(EventLoop::create(clock));
  auto launcher = value_of(RealLauncher::start({.helper_path = HEARTH_LAUNCHER_PROGRAM}));
  const auto driver = best_driver(limits::kGroupsKeptMax);
  AgentMetrics metrics;
  {
    CommandRuntime runtime({.loop = *loop,
                            .clock = clock,
                            .log = *log,
                            .launcher = *launcher,
                            .groups = *driver,
                            .metrics = metrics},
                           {.attempts_dir = folder});
    runtime.set_events(
        {.on_spawned = [](const SpawnDone&) {},
         .on_spawn_failed =
             [](const SpawnFailed& failed) { give_up(internal_error(failed.message)); },
         .on_output = [](const AttemptKey&, StreamKind, std::string_view) {},
         .on_ended = [](const ProcessEnded&) {}});
    JobSpec spec;
    spec.execution.command = {kProgram};
    std::uint64_t job = 0;
    for (auto _ : state) {
      runtime.start({.job = JobId(++job), .attempt = 1, .epoch = 1}, spec);
      while (runtime.running() >= kInFlight) {
        loop->run_once(Duration(1'000));
      }
    }
    while (runtime.running() > 0) {
      loop->run_once(Duration(1'000));
    }
  }
  launcher.reset();
  std::filesystem::remove_all(folder);
  meter.report(state);
}
BENCHMARK(ByCommandRuntime)->UseRealTime()->MinTime(2);

}  // namespace
}  // namespace hearth::agent
