// A ProcessLauncher that obeys a test: it starts nothing, remembers what it was asked, and reports
// what it is told to at the next process_events().
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/launcher/launcher.h"
#include "agent/launcher/protocol.h"

namespace hearth::agent {

class FakeLauncher final : public ProcessLauncher {
 public:
  FakeLauncher() : event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~FakeLauncher() override {
    for (const auto& [id, request] : running_) {
      close_streams(request);
    }
    close(event_fd_);
  }
  FakeLauncher(const FakeLauncher&) = delete;
  FakeLauncher& operator=(const FakeLauncher&) = delete;

  void set_events(LauncherEvents events) override { events_ = std::move(events); }

  Result<> spawn(const SpawnRequest& request) override {
    if (lost_) {
      return unavailable("hearth-launcher is not running (fake)");
    }
    if (refuse_next_) {
      refuse_next_ = false;
      return limit_exceeded("kSpawnsWaitingMax", 0, "refused by the test");
    }
    SpawnRequest kept = request;
    kept.stdin_fd = copy_of(request.stdin_fd);
    kept.stdout_fd = copy_of(request.stdout_fd);
    kept.stderr_fd = copy_of(request.stderr_fd);
    std::transform(kept.extra_fds.begin(), kept.extra_fds.end(), kept.extra_fds.begin(), copy_of);
    if (kept.sandbox) {
      kept.sandbox->scratch_fd = copy_of(kept.sandbox->scratch_fd);
      kept.sandbox->upload_fd = copy_of(kept.sandbox->upload_fd);
    }
    requests_.push_back(kept);
    running_[request.id] = std::move(kept);
    return {};
  }
  Result<> signal(SpawnId id, int signal_number) override {
    if (lost_) {
      return unavailable("hearth-launcher is not running (fake)");
    }
    signals_.emplace_back(id, signal_number);
    return {};
  }
  [[nodiscard]] int fd() const override { return event_fd_; }
  void process_events() override {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(event_fd_, &ignored, sizeof ignored);
    const auto due = std::exchange(due_, {});
    for (const auto& deliver : due) {
      deliver();
    }
  }
  Result<> restart() override {
    lost_ = false;
    ++restarts_;
    return {};
  }

  // The test's side.
  void spawned(SpawnId id, std::int32_t pid) {
    later([this, id, pid] { events_.on_spawned(SpawnOutcome{.id = id, .pid = pid}); });
  }
  void spawn_failed(SpawnId id, Reason reason, std::string message) {
    later([this, id, reason, message = std::move(message)] {
      drop(id);
      events_.on_spawned(SpawnOutcome{.id = id, .reason = reason, .message = message});
    });
  }
  // Closes its ends of the streams, as the end of the process would.
  void exited(ExitOutcome outcome) {
    later([this, outcome] {
      drop(outcome.id);
      events_.on_exited(outcome);
    });
  }
  void lose(std::string why) {
    lost_ = true;
    later([this, why = std::move(why)] {
      while (!running_.empty()) {
        drop(running_.begin()->first);
      }
      events_.on_lost(why);
    });
  }
  void refuse_next_spawn() { refuse_next_ = true; }
  // As the process would; false when the pipe takes no more.
  bool write_stream(SpawnId id, StreamKind stream, std::string_view bytes) {
    const SpawnRequest& request = running_.at(id);
    const int fd = stream == StreamKind::Stdout ? request.stdout_fd : request.stderr_fd;
    return write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  // Descriptors in here are closed once the process has ended.
  [[nodiscard]] const std::vector<SpawnRequest>& requests() const { return requests_; }
  [[nodiscard]] const std::vector<std::pair<SpawnId, int>>& signals() const { return signals_; }
  [[nodiscard]] int restarts() const { return restarts_; }

 private:
  static int copy_of(int fd) { return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0); }
  static void close_streams(const SpawnRequest& request) {
    for (const int fd : protocol::descriptors_of(request)) {
      close(fd);
    }
  }
  void drop(SpawnId id) {
    if (const auto found = running_.find(id); found != running_.end()) {
      close_streams(found->second);
      running_.erase(found);
    }
  }
  void later(std::function<void()> deliver) {
    due_.push_back(std::move(deliver));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = write(event_fd_, &one, sizeof one);
  }

  int event_fd_;
  LauncherEvents events_;
  std::vector<std::function<void()>> due_;
  std::map<SpawnId, SpawnRequest> running_;
  std::vector<SpawnRequest> requests_;
  std::vector<std::pair<SpawnId, int>> signals_;
  bool lost_ = false;
  bool refuse_next_ = false;
  int restarts_ = 0;
};

}  // namespace hearth::agent
