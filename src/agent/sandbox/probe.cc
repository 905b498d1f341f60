#include "agent/sandbox/probe.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "agent/sandbox/scratch.h"

namespace hearth::agent {
namespace {

// What came of the one program that is run; "" when all was well.
class Trial {
 public:
  Trial(ProcessLauncher& launcher, Clock& clock, SpawnId id)
      : launcher_(launcher), clock_(clock), id_(id) {
    launcher_.set_events({
        .on_spawned =
            [this](const SpawnOutcome& outcome) {
              if (outcome.id == id_ && outcome.pid <= 0) {
                result_ = outcome.message;
              }
            },
        .on_exited =
            [this](const ExitOutcome& outcome) {
              if (outcome.id == id_) {
                result_ = outcome.exit_code == 0 ? "" : "/bin/true did not succeed inside";
              }
            },
        .on_lost = [this](const std::string& why) { result_ = why; },
    });
  }
  ~Trial() { launcher_.set_events({}); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  std::string wait(Duration deadline) {
    const std::int64_t until = now_ms() + deadline.count();
    while (!result_) {
      pollfd ready{.fd = launcher_.fd(), .events = POLLIN};
      const std::int64_t left = until - now_ms();
      if (left <= 0) {
        [[maybe_unused]] const auto ended = launcher_.signal(id_, 9);
        return "the first sandbox was not done within " + std::to_string(deadline.count()) + " ms";
      }
      if (poll(&ready, 1, static_cast<int>(left)) < 0 && errno != EINTR) {
        return system_error("wait for the first sandbox", errno).message;
      }
      launcher_.process_events();
    }
    return *result_;
  }

 private:
  [[nodiscard]] std::int64_t now_ms() const { return clock_.monotonic_ns() / 1'000'000; }

  ProcessLauncher& launcher_;
  Clock& clock_;
  SpawnId id_;
  std::optional<std::string> result_;
};

// "" or why not.
std::string try_level(ProcessLauncher& launcher, UidRanges* ranges, Clock& clock,
                      SandboxLevel level, Duration deadline) {
  SandboxPlan plan;
  UidRange range;
  if (ranges != nullptr) {
    auto taken = ranges->take();
    if (!taken) {
      return taken.error().message;
    }
    range = std::move(*taken);
    plan.id_base = range.base();
  }
  auto scratch = Scratch::create({.bytes = limits::kScratchBytesMin,
                                  .inodes = limits::kScratchInodesMin,
                                  .id_base = plan.id_base,
                                  .uid = plan.uid,
                                  .gid = plan.gid});
  if (!scratch) {
    return scratch.error().message;
  }
  plan.scratch_fd = scratch->fd();
  if (level == SandboxLevel::Image) {
    plan.image_root = "/usr";  // which has bin and lib, as an image would
  }
  const SpawnRequest request{
      // No attempt has such an id.
      .id = std::numeric_limits<SpawnId>::max() - static_cast<SpawnId>(level),
      .command = {"/bin/true"},
      .sandbox = plan};
  Trial trial(launcher, clock, request.id);
  if (const auto sent = launcher.spawn(request); !sent) {
    return sent.error().message;
  }
  return trial.wait(deadline);
}

}  // namespace

bool SandboxSupport::offers(SandboxLevel level) const {
  return std::find(levels.begin(), levels.end(), level) != levels.end();
}

SandboxSupport probe_sandboxes(ProcessLauncher& launcher, UidRanges* ranges, Clock& clock,
                               Duration deadline) {
  SandboxSupport support{.levels = {SandboxLevel::None}};
  support.process_refused = try_level(launcher, ranges, clock, SandboxLevel::Process, deadline);
  if (!support.process_refused.empty()) {
    // An image needs all that a process needs.
    support.image_refused = support.process_refused;
    return support;
  }
  support.levels.push_back(SandboxLevel::Process);
  support.image_refused = try_level(launcher, ranges, clock, SandboxLevel::Image, deadline);
  if (support.image_refused.empty()) {
    support.levels.push_back(SandboxLevel::Image);
  }
  return support;
}

}  // namespace hearth::agent
