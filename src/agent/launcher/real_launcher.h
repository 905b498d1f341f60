// ProcessLauncher by the helper program hearth-launcher.
//
// Created before the agent starts threads and used on the loop thread only. Requests that do not
// fit into the socket wait in a bounded queue, so spawn() never blocks. The destructor closes the
// socket, which makes the helper kill all that runs, and waits for it.
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/launcher/launcher.h"
#include "base/limits.h"
#include "base/time.h"

namespace hearth::agent {

struct RealLauncherOptions {
  std::string helper_path;  // of hearth-launcher
  Duration exec_deadline = limits::kExecDeadline;
  bool sandbox_templates = true;  // off: each sandbox makes all that it sees by itself
};

class RealLauncher final : public ProcessLauncher {
 public:
  // NotFound or PermissionDenied, naming the path, when the helper cannot be started.
  static Result<std::unique_ptr<RealLauncher>> start(RealLauncherOptions options);
  ~RealLauncher() override;
  RealLauncher(const RealLauncher&) = delete;
  RealLauncher& operator=(const RealLauncher&) = delete;

  void set_events(LauncherEvents events) override { events_ = std::move(events); }
  // InvalidArgument, ResourceExhausted (too large, or limits::kSpawnsWaitingMax wait already),
  // Unavailable when the helper is gone.
  Result<> spawn(const SpawnRequest& request) override;
  Result<> signal(SpawnId id, int signal_number) override;
  [[nodiscard]] int fd() const override { return epoll_fd_; }
  void process_events() override;
  Result<> restart() override;

  [[nodiscard]] std::size_t waiting() const override { return waiting_.size(); }

  [[nodiscard]] pid_t helper_pid() const { return helper_pid_; }

 private:
  struct Packet {
    std::string bytes;
    std::vector<int> fds;  // owned while it waits
  };
  enum class Sent : std::uint8_t { Yes, Later, Lost };

  RealLauncher(RealLauncherOptions options, int epoll_fd);
  Result<> start_helper();
  Result<> submit(std::string bytes, const std::vector<int>& fds);
  Sent send_now(std::string_view bytes, const std::vector<int>& fds);
  void send_waiting();
  void watch_for_room(bool wanted);
  bool receive();
  void dispatch(std::string_view packet);
  void lose(const std::string& why);
  std::string end_helper(bool kill_it);
  void drop_waiting();

  RealLauncherOptions options_;
  int epoll_fd_;
  int socket_fd_ = -1;
  pid_t helper_pid_ = -1;
  LauncherEvents events_;
  std::deque<Packet> waiting_;
  std::vector<char> buffer_;
};

}  // namespace hearth::agent
