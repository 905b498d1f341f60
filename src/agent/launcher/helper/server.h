// hearth-launcher's loop: takes orders from the agent's socket, forks, reaps, reports.
//
// Single-threaded, so that fork copies no held lock, and small, so that fork copies few pages. It
// lives exactly as long as the agent's end of the socket: when that closes, it kills every group
// and every descendant, and ends. Signals of a terminal or a service manager do not end it, because
// the agent may be draining.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/launcher/helper/child.h"
#include "agent/launcher/helper/sandbox_networks.h"
#include "agent/launcher/helper/sandbox_start.h"
#include "agent/launcher/helper/sandbox_templates.h"
#include "agent/launcher/launcher.h"

namespace hearth::agent::helper {

struct ServerOptions {
  int socket_fd = -1;
  std::int64_t exec_deadline_ms = 0;
  bool sandbox_templates = true;
  Unpack unpack;  // of uploads into sandboxes; empty: they are refused
};

// What is kept for a sandbox while it lives.
struct SandboxHold {
  UniqueFd control;
  UniqueFd network;
};

// With a pid: the event of a template's builder, not of a child.
inline constexpr std::uint64_t kBuilderToken = 1ULL << 32U;

std::int64_t monotonic_ms();

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Returns the exit code of the program.
  int run();

 private:
  struct Child {
    SpawnRequest request;  // without descriptors; dropped but for its kill paths once exec'ed
    int status_fd = -1;    // open until it is known whether exec succeeded
    SandboxHold hold;
    std::int64_t exec_deadline_ms = 0;
    bool given_up = false;
  };
  using Attachments = std::vector<int>;

  bool prepare();
  void read_orders();
  void obey(std::string_view message, Attachments& attachments, bool attached);
  void obey_attached(std::size_t bytes, Attachments& attachments);
  void start(SpawnRequest request, const Attachments& attachments);
  bool fill(ChildPlan& plan, const Attachments& attachments);
  pid_t fork_child(ChildPlan& plan, SpawnOutcome& failure);
  pid_t fork_sandbox(ChildPlan& plan, SandboxHold& hold, SpawnOutcome& failure);
  void prepare_template(const SandboxPlan& plan);
  void finish_template(pid_t builder);
  void status_ready(pid_t pid);
  void close_status(Child& child);
  void settle(pid_t pid, Child& child);
  void reap();
  static ExitOutcome exit_of(const Child& child, int status, const rusage& usage);
  void give_up_overdue();
  [[nodiscard]] int wait_ms() const;
  void send(std::string packet);
  void flush();
  void end_everything();
  void kill_group(const SpawnRequest& request);

  ServerOptions options_;
  pid_t self_ = 0;
  int epoll_fd_ = -1;
  int signal_fd_ = -1;
  int null_fd_ = -1;
  bool agent_gone_ = false;
  std::string protocol_error_;
  std::vector<char> buffer_;
  std::optional<SandboxKit> kit_;  // made for the first sandbox
  Templates templates_;
  Networks networks_;
  std::unordered_map<pid_t, Child> children_;
  std::unordered_map<SpawnId, pid_t> pids_;
  std::deque<std::pair<std::int64_t, pid_t>> exec_deadlines_;  // in the order of the forks
  std::deque<std::string> unsent_;
};

}  // namespace hearth::agent::helper
