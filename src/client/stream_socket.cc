#include "client/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"

namespace hearth::client {

namespace {

using tls::Io;
using tls::Moved;

constexpr std::size_t kDecryptBytes = 64 * 1024;

// Waits for `events` on `fd` until the deadline or until `interrupt_fd` is readable.
Result<WaitEnd> wait_for(int fd, short events, int interrupt_fd, std::int64_t deadline_ns) {
  SystemClock clock;
  for (;;) {
    const std::int64_t left_ns = deadline_ns - clock.monotonic_ns();
    if (left_ns <= 0) {
      return WaitEnd::TimedOut;
    }
    std::array<pollfd, 2> fds{pollfd{fd, events, 0}, pollfd{interrupt_fd, POLLIN, 0}};
    const int left_ms =
        static_cast<int>(std::min<std::int64_t>(left_ns / 1'000'000 + 1, 3'600'000));
    const int ready = ::poll(fds.data(), interrupt_fd >= 0 ? 2 : 1, left_ms);
    if (ready < 0 && errno != EINTR) {
      return system_error("wait for the server", errno);
    }
    if (ready > 0 && interrupt_fd >= 0 && fds[1].revents != 0) {
      return WaitEnd::Interrupted;
    }
    if (ready > 0 && fds[0].revents != 0) {
      return WaitEnd::Data;
    }
  }
}

// A peer that is gone without a word is found also by one that only listens.
void keep_alive(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_KEEPIDLE, limits::kClientKeepaliveSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, limits::kClientKeepaliveProbeSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, limits::kClientKeepaliveProbesMax);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

Moved moved_by(ssize_t result, Io wanted) {
  if (result > 0) {
    return {Io::Done, static_cast<std::size_t>(result)};
  }
  if (result == 0) {
    return {Io::End, 0};
  }
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? wanted : Io::Broken, 0};
}

}  // namespace

StreamSocket::~StreamSocket() {
  if (session_ != nullptr) {
    session_->close_notify();
  }
}

Result<std::unique_ptr<StreamSocket>> StreamSocket::open(const Endpoint& endpoint, int interrupt_fd,
                                                         Duration timeout) {
  const std::string what = "connect to " + endpoint.url();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed =
          ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
      failed != 0) {
    return unavailable(what + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
  Error last = unavailable(what);
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    UniqueFd fd(
        ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!fd.valid()) {
      last = system_error(what, errno);
      continue;
    }
    std::unique_ptr<StreamSocket> socket(new StreamSocket(std::move(fd), interrupt_fd));
    socket->expire_in(timeout);
    if (auto connected = socket->connect(*at, what); !connected) {
      last = std::move(connected).error();
      if (last.code == ErrorCode::Cancelled) {
        return last;
      }
      continue;
    }
    if (endpoint.tls != nullptr) {
      HEARTH_TRY(socket->secure(endpoint));
    }
    return socket;
  }
  last.code = ErrorCode::Unavailable;
  return last;
}

Result<> StreamSocket::connect(const addrinfo& address, const std::string& what) {
  if (::connect(fd_.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) {
      return system_error(what, errno);
    }
    HEARTH_ASSIGN(const WaitEnd end, wait_for(fd_.get(), POLLOUT, interrupt_fd_, deadline_ns_));
    if (end == WaitEnd::Interrupted) {
      return Error{.code = ErrorCode::Cancelled, .message = what + ": interrupted"};
    }
    if (end == WaitEnd::TimedOut) {
      return system_error(what, ETIMEDOUT);
    }
    int failed = 0;
    socklen_t size = sizeof(failed);
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
      failed = errno;
    }
    if (failed != 0) {
      return system_error(what, failed);
    }
  }
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  keep_alive(fd_.get());
  return {};
}

Result<> StreamSocket::secure(const Endpoint& endpoint) {
  HEARTH_ASSIGN(session_, tls::Session::connect(*endpoint.tls, fd_.get(), endpoint.host));
  const Outcome outcome = repeat([this] { return Moved{session_->handshake(), 0}; });
  if (outcome.end == End::Done) {
    return {};
  }
  Error error = unavailable("cannot trust " + endpoint.url() + ": " + why_);
  if (outcome.end == End::Interrupted) {
    error = {.code = ErrorCode::Cancelled, .message = "interrupted"};
  } else if (outcome.end == End::TimedOut) {
    error = {.code = ErrorCode::DeadlineExceeded,
             .message = endpoint.url() + " did not finish the TLS handshake in time"};
  } else if (outcome.end == End::Closed) {
    error = unavailable(endpoint.url() +
                        " ended the connection in the TLS handshake; does it speak TLS there?");
  }
  return error;
}

void StreamSocket::expire_in(Duration timeout) {
  deadline_ns_ = SystemClock().monotonic_ns() +
                 std::chrono::duration_cast<std::chrono::nanoseconds>(timeout).count();
}

StreamSocket::Outcome StreamSocket::read_some(std::span<char> space) {
  if (session_ == nullptr) {
    return repeat([this, space] {
      return moved_by(::recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT), Io::WantRead);
    });
  }
  if (decrypted_used_ == decrypted_.size()) {
    decrypted_.resize(kDecryptBytes);
    const Outcome outcome = repeat([this] { return session_->read(decrypted_); });
    decrypted_.resize(outcome.bytes);
    decrypted_used_ = 0;
    if (outcome.bytes == 0) {
      return outcome;
    }
  }
  const std::size_t size = std::min(space.size(), decrypted_.size() - decrypted_used_);
  std::memcpy(space.data(), decrypted_.data() + decrypted_used_, size);
  decrypted_used_ += size;
  return {End::Done, size};
}

StreamSocket::End StreamSocket::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const Outcome outcome = repeat([this, bytes] {
      return session_ != nullptr ? session_->write(bytes)
                                 : moved_by(::send(fd_.get(), bytes.data(), bytes.size(),
                                                   MSG_DONTWAIT | MSG_NOSIGNAL),
                                            Io::WantWrite);
    });
    if (outcome.end != End::Done) {
      return outcome.end;
    }
    bytes.remove_prefix(outcome.bytes);
  }
  return End::Done;
}

StreamSocket::Outcome StreamSocket::repeat(const std::function<Moved()>& operation) {
  for (;;) {
    const Moved moved = operation();
    if (moved.io == Io::Done || moved.bytes > 0) {
      return {End::Done, moved.bytes};
    }
    if (moved.io == Io::End) {
      return {End::Closed, 0};
    }
    if (moved.io == Io::Broken) {
      why_ = session_ != nullptr ? session_->why() : std::strerror(errno);
      return {End::Broken, 0};
    }
    const short events = moved.io == Io::WantRead ? POLLIN : POLLOUT;
    const auto end = wait_for(fd_.get(), events, interrupt_fd_, deadline_ns_);
    if (!end || *end == WaitEnd::Interrupted) {
      return {End::Interrupted, 0};
    }
    if (*end == WaitEnd::TimedOut) {
      return {End::TimedOut, 0};
    }
  }
}

}  // namespace hearth::client
