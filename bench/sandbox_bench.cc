// What a sandbox costs: /bin/true started and waited for, one at a time, in turns, so that whatever
// else the machine does meets all alike.
//
//   sandbox_bench [ROUNDS]     default 300
//
// The bare spawn is the host's physical limit for the same work; level none is what any job costs;
// bubblewrap (started under a user other than root, as it must be to be safe) is the known tool for
// the same namespaces, without seccomp filter, Landlock and resource limits; crun, where it runs
// (bench/on_cgroup_v1.sh), a fast runtime of containers. "in groups" counts making, entering,
// emptying and removing a cgroup with memory, CPU and pids limits.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/launcher/real_launcher.h"
#include "agent/loop/event_loop.h"
#include "agent/sandbox/scratch.h"
#include "agent/sandbox/uid_ranges.h"
#include "base/clock.h"
#include "crun_bundle.h"

namespace hearth::agent {
namespace {

constexpr const char* kProgram = "/bin/true";
constexpr std::uint32_t kNobody = 65534;
constexpr std::size_t kWarmUp = 10;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "sandbox_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) {
    give_up(result.error().message);
  }
  return std::move(*result);
}

// Everything that one way of starting needs, beside the launcher.
struct Way {
  const char* name;
  bool groups = false;
  bool sandbox = false;
  std::string image;
  std::vector<std::string> command = {kProgram};
  std::optional<std::uint32_t> user;
};

class Runner {
 public:
  explicit Runner(const std::string& folder, bool templates)
      : clock_(std::make_unique<SystemClock>()),
        loop_(value_of(EventLoop::create(*clock_))),
        launcher_(value_of(RealLauncher::start(
            {.helper_path = HEARTH_LAUNCHER_PROGRAM, .sandbox_templates = templates}))),
        driver_(value_of(probe_cgroup_driver({.instance = "bench-" + std::to_string(getpid()),
                                              .groups_kept_max = 0}))
                    .driver),
        ranges_(value_of(UidRanges::open({.lock_path = folder + "/ids"}))) {
    launcher_->set_events({.on_spawned =
                               [](const SpawnOutcome& outcome) {
                                 if (outcome.pid <= 0) {
                                   give_up(outcome.message);
                                 }
                               },
                           .on_exited =
                               [this](const ExitOutcome& outcome) {
                                 if (outcome.exit_code != 0) {
                                   give_up("a program did not succeed");
                                 }
                                 ended_ = true;
                               },
                           .on_lost = [](const std::string& why) { give_up(why); }});
    (void)loop_->add_fd(launcher_->fd(), Interest::Read,
                        [this](Ready) { launcher_->process_events(); });
  }

  void run(const Way& way) {
    SpawnRequest request{.id = ++last_id_, .command = way.command};
    request.uid = way.user;
    request.gid = way.user;
    std::unique_ptr<CgroupHandle> group;
    if (way.groups) {
      group = value_of(driver_->create(
          "g" + std::to_string(last_id_),
          {.memory_bytes = 512 * limits::kMiB, .cpu_limit_milli = 2'000, .pids = 64}));
      request.join_paths = group->join_paths();
    }
    UidRange range;
    std::optional<Scratch> scratch;
    if (way.sandbox) {
      range = value_of(ranges_->take());
      scratch = value_of(Scratch::create({.id_base = range.base()}));
      request.sandbox = SandboxPlan{
          .id_base = range.base(), .image_root = way.image, .scratch_fd = scratch->fd()};
    }
    ended_ = false;
    if (const auto sent = launcher_->spawn(request); !sent) {
      give_up(sent.error().message);
    }
    while (!ended_) {
      loop_->run_once(Duration(1'000));
    }
    while (group && !group->remove()) {
    }
  }

 private:
  std::unique_ptr<SystemClock> clock_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<RealLauncher> launcher_;
  std::unique_ptr<CgroupDriver> driver_;
  std::unique_ptr<UidRanges> ranges_;
  SpawnId last_id_ = 0;
  bool ended_ = false;
};

void bare_spawn() {
  char* const argv[] = {const_cast<char*>(kProgram), nullptr};
  char* const envp[] = {nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, kProgram, nullptr, nullptr, argv, envp) != 0 ||
      waitpid(pid, nullptr, 0) != pid) {
    give_up("posix_spawn failed");
  }
}

std::vector<std::string> bubblewrap() {
  return {"/usr/bin/bwrap",
          "--unshare-all",
          "--die-with-parent",
          "--new-session",
          "--clearenv",
          "--cap-drop",
          "ALL",
          "--ro-bind",
          "/usr",
          "/usr",
          "--symlink",
          "usr/bin",
          "/bin",
          "--symlink",
          "usr/lib",
          "/lib",
          "--symlink",
          "usr/lib64",
          "/lib64",
          "--ro-bind",
          "/etc/ld.so.cache",
          "/etc/ld.so.cache",
          "--ro-bind",
          "/etc/alternatives",
          "/etc/alternatives",
          "--proc",
          "/proc",
          "--dev",
          "/dev",
          "--tmpfs",
          "/tmp",
          "--tmpfs",
          "/work",
          "--chdir",
          "/work",
          kProgram};
}

struct Series {
  std::string name;
  std::function<void()> once;
  std::vector<double> ms = {};

  void take() {
    const auto started = std::chrono::steady_clock::now();
    once();
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - started;
    ms.push_back(took.count());
  }
  [[nodiscard]] double quantile(double share) const {
    return ms.at(static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1)));
  }
};

std::vector<Series> all_series(Runner& with_templates, Runner& alone, const CrunBundle& crun) {
  static const std::vector<Way> kWays = {
      {.name = "launcher, level none"},
      {.name = "launcher, level none, in groups", .groups = true},
      {.name = "launcher, level process", .sandbox = true},
      {.name = "launcher, level process, in groups", .groups = true, .sandbox = true},
      {.name = "launcher, level image, in groups",
       .groups = true,
       .sandbox = true,
       .image = "/usr"},
  };
  static const Way kAlone = {
      .name = "launcher, level process, in groups, no template", .groups = true, .sandbox = true};
  static const Way kBubblewrap = {
      .name = "launcher, bubblewrap as nobody", .command = bubblewrap(), .user = kNobody};
  std::vector<Series> all = {{.name = "bare posix_spawn", .once = bare_spawn}};
  for (const Way& way : kWays) {
    all.push_back({.name = way.name, .once = [&with_templates, &way] { with_templates.run(way); }});
  }
  all.push_back({.name = kAlone.name, .once = [&alone] { alone.run(kAlone); }});
  if (std::filesystem::exists(kBubblewrap.command.front())) {
    all.push_back(
        {.name = kBubblewrap.name, .once = [&with_templates] { with_templates.run(kBubblewrap); }});
  } else {
    std::puts("bubblewrap is not installed and not measured");
  }
  if (const std::string why_not = crun.why_not(); why_not.empty()) {
    all.push_back({.name = "crun, in groups", .once = [&crun, number = 0]() mutable {
                     if (!crun.run(std::to_string(++number))) {
                       give_up("crun failed");
                     }
                   }});
  } else {
    std::printf("crun is not measured: %s\n", why_not.c_str());
  }
  return all;
}

void compare(std::size_t rounds) {
  std::string folder = (std::filesystem::temp_directory_path() / "hearth-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    give_up("no temporary folder");
  }
  Runner with_templates(folder, true);
  Runner alone(folder, false);
  const CrunBundle crun(folder, kProgram);
  std::vector<Series> all = all_series(with_templates, alone, crun);
  for (std::size_t round = 0; round < rounds + kWarmUp; ++round) {
    for (Series& series : all) {
      series.take();
      if (round < kWarmUp) {
        series.ms.clear();
      }
    }
  }
  for (Series& series : all) {
    std::sort(series.ms.begin(), series.ms.end());
  }
  const double bare = all.front().quantile(0.5);
  std::printf("%-50s %8s %8s %8s %8s\n", "ms of /bin/true, one at a time", "min", "median", "p95",
              "added");
  for (const Series& series : all) {
    std::printf("%-50s %8.2f %8.2f %8.2f %8.2f\n", series.name.c_str(), series.quantile(0),
                series.quantile(0.5), series.quantile(0.95), series.quantile(0.5) - bare);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::agent

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 300;
  if (rounds < 1 || geteuid() != 0) {
    std::fputs("sandbox_bench [ROUNDS], as root\n", stderr);
    return 2;
  }
  hearth::agent::compare(static_cast<std::size_t>(rounds));
  return 0;
}
