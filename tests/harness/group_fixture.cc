#include "tests/harness/group_fixture.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "agent/cgroup/testing/group_process.h"

namespace hearth::harness {

using agent::CgroupHandle;
using agent::ExitOutcome;
using agent::GroupLimits;
using agent::RealLauncher;
using agent::SpawnOutcome;
using agent::SpawnRequest;

void GroupFixture::SetUp() {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  auto groups = agent::make_cgroup_driver(
      GetParam(), {.cgroup_root = {}, .instance = "probe-" + std::to_string(getpid())});
  if (!groups) {
    GTEST_SKIP() << "NOT RUN HERE: with the cgroup driver " << to_string(GetParam()) << " ("
                 << groups.error().message << "); runs in tests/vm on a host that offers it";
  }
  groups_ = std::move(*groups);
}

void GroupFixture::TearDown() {
  launcher_.reset();
  for (auto& [name, group] : made_) {
    end(*group);
  }
  made_.clear();
  groups_.reset();
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

CgroupHandle& GroupFixture::make_group(const std::string& name, const GroupLimits& limits) {
  auto made = groups_->create(name, limits);
  if (!made) {
    ADD_FAILURE() << made.error().message;
    std::abort();
  }
  return *(made_[name] = std::move(*made));
}

void GroupFixture::end(CgroupHandle& group) {
  for (int round = 0; round < 10'000; ++round) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const auto empty = group.empty();
    if (empty && *empty) {
      const auto removed = group.remove();
      if (removed || removed.error().code == ErrorCode::NotFound) {
        return;
      }
    } else {
      [[maybe_unused]] const auto killed = group.kill_all();
    }
    poll(nullptr, 0, 1);  // the kernel lets go of a group a moment after its last process
  }
  ADD_FAILURE() << "group " << group.name() << " does not end";
}

pid_t GroupFixture::run_in(CgroupHandle& group, const Body& body) {
  return agent::fork_into(group, [&body](const std::function<void()>& done) {
    body(done);
    for (;;) {
      pause();
    }
    return 0;
  });
}

SpawnOutcome GroupFixture::launch(CgroupHandle& group, const std::vector<std::string>& command) {
  if (!launcher_) {
    auto started = RealLauncher::start({.helper_path = launcher_program()});
    if (!started) {
      ADD_FAILURE() << started.error().message;
      std::abort();
    }
    launcher_ = std::move(*started);
  }
  std::optional<SpawnOutcome> outcome;
  launcher_->set_events({.on_spawned = [&](const SpawnOutcome& told) { outcome = told; },
                         .on_exited = [](const ExitOutcome&) {},
                         .on_lost = [](const std::string& why) { ADD_FAILURE() << why; }});
  SpawnRequest request{.id = ++last_spawn_, .command = command, .cwd = "/"};
  request.join_paths = group.join_paths();
  request.kill_paths = group.kill_paths();
  request.env = group.env_marks();
  EXPECT_TRUE(launcher_->spawn(request));
  while (!outcome) {
    pollfd ready{.fd = launcher_->fd(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "the launcher does not answer";
      return {};
    }
    launcher_->process_events();
  }
  launcher_->set_events({.on_spawned = [](const SpawnOutcome&) {},
                         .on_exited = [](const ExitOutcome&) {},
                         .on_lost = [](const std::string&) {}});
  if (outcome->pid > 0) {
    group.set_leader(outcome->pid);
  }
  return *outcome;
}

std::string GroupFixture::launcher_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hearth-launcher";
}

}  // namespace hearth::harness
