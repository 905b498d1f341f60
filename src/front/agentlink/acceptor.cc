#include "front/agentlink/acceptor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/limits.h"

namespace hearth::front::agentlink {
namespace {

constexpr int kPauseMs = 200;
constexpr int kAtOnceMax = 64;

Error cannot_listen(const std::string& where, int error_number) {
  if (error_number == EADDRINUSE) {
    Error error = unavailable("cannot listen for agents on " + where +
                              ": another process holds the port; choose another with --grpc "
                              "HOST:PORT (port 0 picks a free one)");
    error.sys_errno = error_number;
    return error;
  }
  return system_error("listen for agents on " + where, error_number);
}

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::listen(const std::string& host, int port) {
  const std::string where = host + ":" + std::to_string(port);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) {
    return system_error("make a socket for agents", errno);
  }
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return cannot_listen(where, errno);
  }
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(listener), ntohs(address.sin_port)));
}

Result<> Acceptor::start(OnConnection on_connection, std::function<void()> on_shortage) {
  stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_.valid()) {
    return system_error("make an eventfd for the agents' connections", errno);
  }
  on_connection_ = std::move(on_connection);
  on_shortage_ = std::move(on_shortage);
  thread_ = std::thread([this] { run(); });
  return {};
}

void Acceptor::stop() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  listener_.reset();
}

void Acceptor::run() {
  int pause_ms = 0;
  while (true) {
    // A listener with connections that cannot be accepted is always readable: only time helps.
    std::array<pollfd, 2> waiting{pollfd{stop_.get(), POLLIN, 0},
                                  pollfd{listener_.get(), POLLIN, 0}};
    ::poll(waiting.data(), pause_ms > 0 ? 1 : 2, pause_ms > 0 ? pause_ms : -1);
    if (waiting[0].revents != 0) {
      return;
    }
    pause_ms = accept_all();
  }
}

int Acceptor::accept_all() {
  for (int i = 0; i < kAtOnceMax; ++i) {
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection.valid()) {
      const bool is_short =
          errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (is_short && !std::exchange(is_short_, true)) {
        on_shortage_();
      }
      return is_short ? kPauseMs : 0;
    }
    is_short_ = false;
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_connection_(listener_.get(), std::move(connection));
  }
  return 0;
}

}  // namespace hearth::front::agentlink
