// Real sandboxes by a real hearth-launcher, whose tests say what runs inside and look at what came
// of it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/launcher/real_launcher.h"
#include "agent/sandbox/scratch.h"
#include "agent/sandbox/uid_ranges.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {

// Where hearth-launcher is; each test program that uses this defines it.
std::string launcher_program();

struct Ran {
  SpawnOutcome spawned;
  ExitOutcome exited;
  std::string out;  // both streams
};

// How a sandbox comes by what it sees of the machine (agent/launcher/helper/sandbox_templates.h).
enum class Origin { Alone, Template };

inline std::string origin_name(const ::testing::TestParamInfo<Origin>& info) {
  return info.param == Origin::Alone ? "Alone" : "Template";
}

class SandboxFixture : public ::testing::Test {
 protected:
  static constexpr int kPatienceMs = 20'000;

  explicit SandboxFixture(Origin origin = Origin::Alone) : origin_(origin) {}

  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "NOT RUN HERE: sandboxes with ids of their own need root";
    }
    // That of real agents: others may use sandboxes on this machine meanwhile.
    auto ranges = UidRanges::open({.lock_path = "/run/hearth-sandbox-ids.lock"});
    ASSERT_TRUE(ranges) << ranges.error().message;
    ranges_ = std::move(*ranges);
    start_launcher();
    renew_scratch();
    const Ran probe = run({"/bin/true"});
    if (probe.spawned.reason == Reason::SandboxError) {
      GTEST_SKIP() << "NOT RUN HERE: " << probe.spawned.message;
    }
    if (origin_ == Origin::Template) {
      wait_for_template();
    }
  }

  void start_launcher(Duration exec_deadline = limits::kExecDeadline) {
    auto made = RealLauncher::start({.helper_path = launcher_program(),
                                     .exec_deadline = exec_deadline,
                                     .sandbox_templates = origin_ == Origin::Template});
    ASSERT_TRUE(made) << made.error().message;
    launcher_ = std::move(*made);
    launcher_->set_events({
        .on_spawned = [this](const SpawnOutcome& outcome) { spawned_[outcome.id] = outcome; },
        .on_exited =
            [this](const ExitOutcome& outcome) {
              EXPECT_TRUE(spawned_.contains(outcome.id)) << "spawned comes before exited";
              exited_[outcome.id] = outcome;
            },
        .on_lost = [this](const std::string& why) { lost_ = why; },
    });
  }

  // The first sandbox had the launcher make one, of which it then holds the namespace.
  void wait_for_template() const {
    const std::string folder = "/proc/" + std::to_string(launcher_->helper_pid()) + "/fd";
    for (int look = 0; look < 200'000; ++look) {
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry, gone).string().starts_with("mnt:")) {
          return;
        }
      }
      sched_yield();
    }
    FAIL() << "no template was made";
  }

  // A fresh one with ids of its own, for the sandboxes from here on.
  void renew_scratch(ScratchOptions options = {}) {
    scratch_.reset();
    range_ = UidRange();
    auto range = ranges_->take();
    ASSERT_TRUE(range) << range.error().message;
    range_ = std::move(*range);
    options.id_base = range_.base();
    auto scratch = Scratch::create(options);
    ASSERT_TRUE(scratch) << scratch.error().message;
    scratch_ = std::make_unique<Scratch>(std::move(*scratch));
  }

  SpawnRequest request(std::vector<std::string> command) {
    return SpawnRequest{
        .id = ++last_id_,
        .command = std::move(command),
        .env = {"PATH=/usr/bin:/bin"},
        .sandbox = SandboxPlan{.id_base = range_.base(), .scratch_fd = scratch_->fd()}};
  }
  SpawnRequest script(const std::string& text) { return request({"/bin/sh", "-c", text}); }

  void wait_until(const std::function<bool()>& done) {
    while (!done()) {
      pollfd waiting{.fd = launcher_->fd(), .events = POLLIN};
      ASSERT_EQ(poll(&waiting, 1, kPatienceMs), 1) << "nothing more came";
      launcher_->process_events();
    }
  }
  SpawnOutcome spawn_outcome(SpawnId id) {
    wait_until([&] { return spawned_.contains(id); });
    return spawned_[id];
  }
  ExitOutcome exit_outcome(SpawnId id) {
    wait_until([&] { return exited_.contains(id); });
    return exited_[id];
  }
  [[nodiscard]] bool ended(SpawnId id) const {
    return exited_.contains(id) || (spawned_.contains(id) && spawned_.at(id).pid == 0);
  }

  // To its end, and renews the scratch, of which the sandbox took possession.
  Ran run(SpawnRequest wanted) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    wanted.stdout_fd = ends[1];
    wanted.stderr_fd = ends[1];
    const auto sent = launcher_->spawn(wanted);
    EXPECT_TRUE(sent) << sent.error().message;
    close(ends[1]);
    Ran ran;
    ran.out = read_to_end(ends[0]);
    close(ends[0]);
    wait_until([&] { return ended(wanted.id); });
    ran.spawned = spawned_[wanted.id];
    ran.exited = exited_[wanted.id];
    renew_scratch();
    return ran;
  }
  Ran run(std::vector<std::string> command) { return run(request(std::move(command))); }
  std::string output(const std::string& text) {
    const Ran ran = run(script(text));
    EXPECT_EQ(ran.spawned.message, "");
    return ran.out;
  }

  // Starts it and returns what its standard output is read from.
  UniqueFd start(SpawnRequest wanted) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    wanted.stdout_fd = ends[1];
    const auto sent = launcher_->spawn(wanted);
    EXPECT_TRUE(sent) << sent.error().message;
    close(ends[1]);
    return UniqueFd(ends[0]);
  }

  static std::string read_line(int fd) {
    std::string line;
    char byte = 0;
    pollfd waiting{.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, kPatienceMs) == 1 && read(fd, &byte, 1) == 1 && byte != '\n') {
      line += byte;
    }
    return line;
  }

  static std::string read_to_end(int fd) {
    std::string all;
    std::array<char, 4096> buffer{};
    pollfd waiting{.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, kPatienceMs) == 1) {
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got <= 0) {
        return all;
      }
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    ADD_FAILURE() << "the stream never ended; so far: " << all;
    return all;
  }

  // Waits by a pidfd until a process that is not our child is gone.
  static bool gone(pid_t pid) {
    const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid()) {
      return errno == ESRCH;
    }
    pollfd waiting{.fd = process.get(), .events = POLLIN};
    return poll(&waiting, 1, kPatienceMs) == 1;
  }

  Origin origin_;
  testing::TempDir folder_;
  std::unique_ptr<UidRanges> ranges_;
  UidRange range_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<RealLauncher> launcher_;
  SpawnId last_id_ = 0;
  std::map<SpawnId, SpawnOutcome> spawned_;
  std::map<SpawnId, ExitOutcome> exited_;
  std::string lost_;
};

}  // namespace hearth::agent
