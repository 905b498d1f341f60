#include "agent/launcher/real_launcher.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <variant>

#include "agent/launcher/protocol.h"

namespace hearth::agent {
namespace {

constexpr int kHelperSocket = 3;  // where the helper finds its end
constexpr int kPacketsPerTurn = 64;
constexpr std::size_t kReplyBytesMax = 64 * 1024;

Result<int> in_memory_file(std::string_view bytes) {
  const int fd = memfd_create("hearth-spawn", MFD_CLOEXEC);
  if (fd < 0) {
    return system_error("make a memory file for a large command", errno);
  }
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put = write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0) {
      const int error = errno;
      close(fd);
      return system_error("fill a memory file with a large command", error);
    }
    done += static_cast<std::size_t>(put);
  }
  return fd;
}

Error cannot_start(const std::string& path, int error) {
  Error failure = system_error("start " + path, error);
  if (error == ENOENT) {
    failure.code = ErrorCode::NotFound;
    failure.message += "; hearth-launcher is installed beside hearth";
  } else if (error == EACCES) {
    failure.code = ErrorCode::PermissionDenied;
  }
  return failure;
}

// A clean slate whatever the agent has set: default dispositions, no environment. All signals are
// blocked until the helper has chosen which to ignore, so that none can end it before.
int spawn_helper(const RealLauncherOptions& options, int socket_fd, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // First, since an agent without standard streams may have its socket at 0 or 1.
  posix_spawn_file_actions_adddup2(&actions, socket_fd, kHelperSocket);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string program = options.helper_path;
  std::string deadline = std::to_string(options.exec_deadline.count());
  std::string deadline_flag = "--exec-deadline-ms";
  std::string templates_flag = "--no-sandbox-templates";
  const std::array<char*, 5> argv{program.data(), deadline_flag.data(), deadline.data(),
                                  options.sandbox_templates ? nullptr : templates_flag.data(),
                                  nullptr};
  const std::array<char*, 1> envp{nullptr};
  const int error =
      posix_spawn(pid, program.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Result<std::unique_ptr<RealLauncher>> RealLauncher::start(RealLauncherOptions options) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) {
    return system_error("start hearth-launcher (epoll_create1)", errno);
  }
  std::unique_ptr<RealLauncher> launcher(new RealLauncher(std::move(options), epoll_fd));
  HEARTH_TRY(launcher->start_helper());
  return launcher;
}

RealLauncher::RealLauncher(RealLauncherOptions options, int epoll_fd)
    : options_(std::move(options)), epoll_fd_(epoll_fd), buffer_(kReplyBytesMax) {}

RealLauncher::~RealLauncher() {
  end_helper(false);
  close(epoll_fd_);
}

Result<> RealLauncher::spawn(const SpawnRequest& request) {
  HEARTH_ASSIGN(std::string bytes, protocol::encode(request));
  std::vector<int> fds = protocol::descriptors_of(request);
  if (bytes.size() <= protocol::kInlineBytesMax) {
    return submit(std::move(bytes), fds);
  }
  HEARTH_ASSIGN(const int memory_fd, in_memory_file(bytes));
  fds.push_back(memory_fd);
  const auto submitted = submit(
      protocol::encode(protocol::Attached{.bytes = static_cast<std::uint32_t>(bytes.size())}), fds);
  close(memory_fd);
  return submitted;
}

Result<> RealLauncher::signal(SpawnId id, int signal_number) {
  return submit(protocol::encode(protocol::SignalOrder{.id = id, .signal_number = signal_number}),
                {});
}

void RealLauncher::process_events() {
  send_waiting();
  for (int turn = 0; turn < kPacketsPerTurn && receive(); ++turn) {
  }
}

Result<> RealLauncher::restart() {
  end_helper(true);
  return start_helper();
}

Result<> RealLauncher::start_helper() {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return system_error("start hearth-launcher (socketpair)", errno);
  }
  const int error = spawn_helper(options_, ends[1], &helper_pid_);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    helper_pid_ = -1;
    return cannot_start(options_.helper_path, error);
  }
  socket_fd_ = ends[0];
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket_fd_}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, socket_fd_, &event) != 0) {
    const int epoll_error = errno;
    end_helper(true);
    return system_error("watch the socket of hearth-launcher", epoll_error);
  }
  return {};
}

Result<> RealLauncher::submit(std::string bytes, const std::vector<int>& fds) {
  if (socket_fd_ < 0) {
    return unavailable("hearth-launcher is not running; the agent is about to start another");
  }
  if (waiting_.empty()) {
    const Sent sent = send_now(bytes, fds);
    if (sent == Sent::Yes) {
      return {};
    }
    if (sent == Sent::Lost) {
      return unavailable("hearth-launcher has just ended; the agent is about to start another");
    }
  }
  if (std::ssize(waiting_) >= limits::kSpawnsWaitingMax) {
    return limit_exceeded("kSpawnsWaitingMax", limits::kSpawnsWaitingMax,
                          "hearth-launcher has too many processes to start; try again later");
  }
  Packet packet{.bytes = std::move(bytes), .fds = {}};
  for (const int fd : fds) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      const int error = errno;
      std::for_each(packet.fds.begin(), packet.fds.end(), close);
      return system_error("keep a descriptor for a process to be started", error);
    }
    packet.fds.push_back(copy);
  }
  waiting_.push_back(std::move(packet));
  watch_for_room(true);
  return {};
}

RealLauncher::Sent RealLauncher::send_now(std::string_view bytes, const std::vector<int>& fds) {
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr header{.msg_iov = &part, .msg_iovlen = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * protocol::kDescriptorsMax)> control{};
  if (!fds.empty()) {
    const std::size_t size = fds.size() * sizeof(int);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), fds.data(), size);
  }
  if (sendmsg(socket_fd_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    return Sent::Yes;
  }
  return errno == EPIPE || errno == ECONNRESET ? Sent::Lost : Sent::Later;
}

void RealLauncher::send_waiting() {
  if (waiting_.empty()) {
    return;
  }
  while (!waiting_.empty()) {
    const Packet& packet = waiting_.front();
    if (send_now(packet.bytes, packet.fds) != Sent::Yes) {
      return;  // when it is lost, receive() finds out
    }
    std::for_each(packet.fds.begin(), packet.fds.end(), close);
    waiting_.pop_front();
  }
  watch_for_room(false);
}

void RealLauncher::watch_for_room(bool wanted) {
  const std::uint32_t events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  epoll_event event{.events = events, .data = {.fd = socket_fd_}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, socket_fd_, &event);
}

bool RealLauncher::receive() {
  if (socket_fd_ < 0) {
    return false;
  }
  const ssize_t got = recv(socket_fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) {
    dispatch(std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
    return true;
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    lose("");
  }
  return false;
}

void RealLauncher::dispatch(std::string_view packet) {
  const auto message = protocol::decode_from_helper(packet);
  if (!message) {
    lose(message.error().message);
    return;
  }
  if (const auto* spawned = std::get_if<SpawnOutcome>(&*message)) {
    if (events_.on_spawned) {
      events_.on_spawned(*spawned);
    }
  } else if (const auto* exited = std::get_if<ExitOutcome>(&*message)) {
    if (events_.on_exited) {
      events_.on_exited(*exited);
    }
  }
}

void RealLauncher::lose(const std::string& why) {
  const std::string end = end_helper(true);
  if (events_.on_lost) {
    events_.on_lost(why.empty() ? end : why);
  }
}

// Says how it ended. Without `kill_it` the helper first ends everything it has started.
std::string RealLauncher::end_helper(bool kill_it) {
  drop_waiting();
  if (socket_fd_ >= 0) {
    close(socket_fd_);
    socket_fd_ = -1;
  }
  if (helper_pid_ <= 0) {
    return "hearth-launcher was not running";
  }
  if (kill_it) {
    kill(helper_pid_, SIGKILL);  // usually it is dead already
  }
  int status = 0;
  while (waitpid(helper_pid_, &status, 0) < 0 && errno == EINTR) {
  }
  helper_pid_ = -1;
  return WIFSIGNALED(status)
             ? "hearth-launcher was killed by signal " + std::to_string(WTERMSIG(status))
             : "hearth-launcher ended with code " + std::to_string(WEXITSTATUS(status));
}

void RealLauncher::drop_waiting() {
  for (const Packet& packet : waiting_) {
    std::for_each(packet.fds.begin(), packet.fds.end(), close);
  }
  waiting_.clear();
}

}  // namespace hearth::agent
