// The sandboxes' part of the helper's loop.
#include <sys/epoll.h>

#include <utility>

#include "agent/launcher/helper/server.h"

namespace hearth::agent::helper {

// -1 also when a sandbox was begun and failed at once: it is killed, and reaped as orphans are.
pid_t Server::fork_sandbox(ChildPlan& plan, SandboxHold& hold, SpawnOutcome& failure) {
  if (!kit_) {
    auto kit = make_sandbox_kit(options_.unpack);
    if (!kit) {
      failure = {.reason = Reason::SandboxError, .message = kit.error().message};
      return -1;
    }
    kit_ = std::move(*kit);
  }
  const SandboxPlan& sandbox = *plan.request.sandbox;
  if (!sandbox.network) {
    if (auto network = networks_.take()) {
      hold.network = std::move(*network);
    }
  }
  SandboxStart start = start_sandbox(
      plan, *kit_,
      {.mounts_fd = templates_.find(sandbox, monotonic_ms()), .network_fd = hold.network.get()});
  if (start.failure) {
    failure = explain(plan.request, *start.failure);
    return -1;  // its network may have a process in it for a moment: it is not kept
  }
  hold.control = std::move(start.control);
  return start.pid;
}

// After a sandbox of its kind has begun, so that it is not held up.
void Server::prepare_template(const SandboxPlan& plan) {
  const auto builder = templates_.begin(plan, monotonic_ms());
  if (builder) {
    epoll_event event{.events = EPOLLIN,
                      .data = {.u64 = static_cast<std::uint64_t>(builder->pid) | kBuilderToken}};
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, builder->fd, &event);
  }
}

// As close_status: children forked meanwhile have copies of the descriptor.
void Server::finish_template(pid_t builder) {
  if (const UniqueFd fd = templates_.finish(builder, monotonic_ms()); fd.valid()) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd.get(), nullptr);
  }
}

}  // namespace hearth::agent::helper
