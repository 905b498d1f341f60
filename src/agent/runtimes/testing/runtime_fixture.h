// A CommandRuntime with real processes, whose tests say what is run and look at what came of it.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/testing/take_out.h"
#include "agent/launcher/real_launcher.h"
#include "agent/loop/event_loop.h"
#include "agent/runtimes/command_runtime.h"
#include "agent/uploads/testing/fake_uploads.h"
#include "base/clock.h"
#include "base/log.h"

namespace hearth::agent {

struct Seen {
  bool spawned = false;
  std::optional<SpawnFailed> failed;
  std::optional<ProcessEnded> ended;
  std::string out;
  std::string err;
  std::string results;  // a tar
};

class RuntimeFixture : public ::testing::TestWithParam<Enforcement> {
 protected:
  static constexpr Duration kPatience{20'000};

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    auto loop = EventLoop::create(clock_);
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    auto launcher = RealLauncher::start({.helper_path = launcher_program()});
    ASSERT_TRUE(launcher) << launcher.error().message;
    launcher_ = std::move(*launcher);
    auto groups = make_cgroup_driver(GetParam(), driver_options());
    if (!groups) {
      GTEST_SKIP() << "NOT RUN HERE: with the cgroup driver " << to_string(GetParam()) << " ("
                   << groups.error().message << "); runs in tests/vm on a host that offers it";
    }
    groups_ = std::move(*groups);
    make_runtime({});
  }

  void TearDown() override {
    runtime_.reset();
    launcher_.reset();
    if (groups_) {
      EXPECT_TRUE(groups_->sweep());
    }
    groups_.reset();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] virtual std::string launcher_program() const = 0;

  static DriverOptions driver_options() {
    return {.cgroup_root = {}, .instance = "runtime-" + std::to_string(getpid())};
  }
  [[nodiscard]] static bool enforces() { return GetParam() != Enforcement::None; }

  void make_runtime(CommandRuntime::Options options, UidRanges* ids = nullptr) {
    runtime_.reset();
    for (auto* gauge : {&metrics_.warm_ready, &metrics_.warm_starting}) {
      gauge->store(0);
    }
    for (auto* count : {&metrics_.warm_hits, &metrics_.warm_misses}) {
      count->store(0);
    }
    options.attempts_dir = folder_;
    runtime_ = std::make_unique<CommandRuntime>(CommandRuntime::Deps{.loop = *loop_,
                                                                     .clock = clock_,
                                                                     .log = *log_,
                                                                     .launcher = *launcher_,
                                                                     .groups = *groups_,
                                                                     .metrics = metrics_,
                                                                     .ids = ids,
                                                                     .uploads = &uploads_},
                                                std::move(options));
    runtime_->set_events({
        .on_spawned = [this](const SpawnDone& done) { seen_[done.key].spawned = true; },
        .on_spawn_failed = [this](const SpawnFailed& failed) { seen_[failed.key].failed = failed; },
        .on_output =
            [this](const AttemptKey& key, StreamKind stream, std::string_view bytes) {
              Seen& seen = seen_[key];
              (stream == StreamKind::Stdout   ? seen.out
               : stream == StreamKind::Stderr ? seen.err
                                              : seen.results) += bytes;
              if (on_output_) {
                on_output_(key);
              }
            },
        .on_ended =
            [this](const ProcessEnded& ended) {
              EXPECT_FALSE(seen_[ended.key].ended) << "told once";
              seen_[ended.key].ended = ended;
            },
    });
  }

  // A shell script as a job; of no limits but the default ones.
  static JobSpec script(const std::string& text) {
    JobSpec spec;
    spec.execution.command = {"/bin/sh", "-c", text};
    spec.scheduling.request.memory_bytes = 128 * limits::kMiB;
    return spec;
  }

  AttemptKey start(const JobSpec& spec) {
    const AttemptKey key{.job = JobId(++last_job_), .attempt = 1, .epoch = 1};
    runtime_->start(key, spec);
    return key;
  }
  Seen& at(const AttemptKey& key) { return seen_[key]; }

  void loop_until(const std::function<bool()>& done) {
    bool late = false;
    const TimerId watchdog = loop_->set_timer(kPatience, [&] { late = true; });
    while (!done() && !late) {
      loop_->run_once(kPatience);
    }
    loop_->cancel_timer(watchdog);
    ASSERT_FALSE(late) << "it never came";
  }
  Seen finish(const AttemptKey& key) {
    loop_until([&] { return at(key).ended.has_value() || at(key).failed.has_value(); });
    return at(key);
  }
  Seen run(const JobSpec& spec) { return finish(start(spec)); }

  using Fate = testing::Fate;
  static void take_out_of(const GroupFolders& folders, Fate fate) {
    for (const std::string& folder :
         {folders.memory, folders.pids, folders.cpu, folders.accounting, folders.membership}) {
      EXPECT_TRUE(testing::take_out(folder, fate)) << folder;
    }
  }

  // Also for processes that are not ours. Zombies have ended.
  static bool ended(pid_t pid) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) {
      return errno == ESRCH;
    }
    pollfd told{.fd = fd, .events = POLLIN, .revents = 0};
    const bool has_ended = poll(&told, 1, static_cast<int>(kPatience.count())) == 1;
    close(fd);
    return has_ended;
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  AgentMetrics metrics_;
  // What attempts have left: folders that wait for the next, and nothing else.
  [[nodiscard]] bool only_untouched_folders() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("slot-") && name != ".tmp") {
        return false;
      }
    }
    return true;
  }

  testing::FakeUploads uploads_;
  std::string folder_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<RealLauncher> launcher_;
  std::unique_ptr<CgroupDriver> groups_;
  std::unique_ptr<CommandRuntime> runtime_;
  std::map<AttemptKey, Seen> seen_;
  std::function<void(const AttemptKey&)> on_output_;
  std::uint64_t last_job_ = 0;
};

}  // namespace hearth::agent
