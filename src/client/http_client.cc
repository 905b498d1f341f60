#include "client/http_client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/clock.h"

namespace hearth::client {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadChunkBytes = 64 * 1024;
constexpr std::uint64_t kResponseBodyBytesMax = 256U * 1024 * 1024;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

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

}  // namespace

// The stream Beast reads from and writes to: a non-blocking socket whose waits are bounded.
struct Connection {
  explicit Connection(int fd, int interrupt) : socket(fd), interrupt_fd(interrupt) {}

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& failed) {
    // Beast reads into one buffer at a time.
    const boost::asio::mutable_buffer space = *boost::asio::buffer_sequence_begin(buffers);
    if (space.size() == 0) {
      failed = {};
      return 0;
    }
    return transfer(POLLIN, failed, [this, space] {
      return ::recv(socket.fd(), space.data(), space.size(), MSG_DONTWAIT);
    });
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code failed;
    const std::size_t size = read_some(buffers, failed);
    if (failed) {
      throw boost::system::system_error(failed);
    }
    return size;
  }
  void write_all(std::string_view bytes, error_code& failed) {
    failed = {};
    while (!bytes.empty() && !failed) {
      bytes.remove_prefix(transfer(POLLOUT, failed, [this, bytes] {
        return ::send(socket.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      }));
    }
  }

  // Repeats `operation` until it moved bytes, failed, or the wait for it ended.
  template <class Operation>
  std::size_t transfer(short events, error_code& failed, Operation operation) {
    for (;;) {
      const ssize_t done = operation();
      if (done > 0) {
        failed = {};
        return static_cast<std::size_t>(done);
      }
      if (done == 0) {
        failed = boost::asio::error::eof;
        return 0;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        failed = error_code(errno, boost::system::system_category());
        return 0;
      }
      auto end = wait_for(socket.fd(), events, interrupt_fd, deadline_ns);
      if (!end || *end == WaitEnd::Interrupted) {
        failed = boost::asio::error::interrupted;
        return 0;
      }
      if (*end == WaitEnd::TimedOut) {
        failed = boost::asio::error::timed_out;
        return 0;
      }
    }
  }

  void expire_in(Duration timeout) {
    deadline_ns = SystemClock().monotonic_ns() +
                  std::chrono::duration_cast<std::chrono::nanoseconds>(timeout).count();
  }

  Socket socket;
  int interrupt_fd;
  std::int64_t deadline_ns = 0;
  beast::flat_buffer buffer;
};

namespace {

using BodyParser = http::response_parser<http::buffer_body>;

HttpResponse head_of(const http::response_header<>& header) {
  HttpResponse head;
  head.status = static_cast<int>(header.result_int());
  for (const auto& field : header) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    head.headers[name] = std::string(field.value());
  }
  return head;
}

std::string serialize(const HttpRequest& request, const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.contains("Host")) {
    text +=
        "Host: " + (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + endpoint.port + "\r\n";
  }
  if (!request.content_type.empty()) {
    text += "Content-Type: " + request.content_type + "\r\n";
  }
  for (const auto& [name, value] : request.headers) {
    text += name + ": " + value + "\r\n";
  }
  if (!request.body.empty() || request.method != "GET") {
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

Error broken(const Endpoint& endpoint, const error_code& failed) {
  Error error = unavailable("talk to http://" + endpoint.host + ":" + endpoint.port + ": " +
                            failed.message());
  if (failed == boost::asio::error::interrupted) {
    error.code = ErrorCode::Cancelled;
  } else if (failed == boost::asio::error::timed_out) {
    error.code = ErrorCode::DeadlineExceeded;
  }
  return error;
}

}  // namespace

struct ResponseStream::State {
  std::unique_ptr<Connection> connection;
  Endpoint endpoint;
  BodyParser parser;
  HttpResponse head;
};

ResponseStream::ResponseStream() = default;
ResponseStream::~ResponseStream() = default;
ResponseStream::ResponseStream(ResponseStream&&) noexcept = default;
ResponseStream& ResponseStream::operator=(ResponseStream&&) noexcept = default;

const HttpResponse& ResponseStream::head() const {
  return state_->head;
}
bool ResponseStream::done() const {
  return state_->parser.is_done();
}

Result<WaitEnd> ResponseStream::read(std::string& out, Duration timeout) {
  if (done()) {
    return WaitEnd::Data;
  }
  state_->connection->expire_in(timeout);
  std::array<char, kReadChunkBytes> chunk;
  auto& body = state_->parser.get().body();
  body.data = chunk.data();
  body.size = chunk.size();
  error_code failed;
  http::read_some(*state_->connection, state_->connection->buffer, state_->parser, failed);
  out.append(chunk.data(), chunk.size() - body.size);
  body.data = nullptr;
  if (failed == http::error::need_buffer) {
    failed = {};
  }
  if (failed == boost::asio::error::timed_out) {
    return WaitEnd::TimedOut;
  }
  if (failed == boost::asio::error::interrupted) {
    return WaitEnd::Interrupted;
  }
  if (failed) {
    return broken(state_->endpoint, failed);
  }
  return WaitEnd::Data;
}

Result<Endpoint> parse_endpoint(std::string_view url) {
  const std::string text(url);
  if (url.starts_with("https://")) {
    return invalid_argument("'" + text + "': https is not offered by this version; use http://");
  }
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.find("://") != std::string_view::npos) {
    return invalid_argument("'" + text + "' is not an address of Hearth; use http://HOST:PORT");
  }
  while (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  Endpoint endpoint;
  std::size_t colon = url.rfind(':');
  if (url.starts_with('[')) {
    const std::size_t bracket = url.find(']');
    if (bracket == std::string_view::npos) {
      return invalid_argument("'" + text + "' lacks the ']' of its IPv6 address");
    }
    endpoint.host = url.substr(1, bracket - 1);
    colon =
        bracket + 1 < url.size() && url[bracket + 1] == ':' ? bracket + 1 : std::string_view::npos;
  } else {
    endpoint.host = url.substr(0, colon);
  }
  if (colon != std::string_view::npos) {
    endpoint.port = url.substr(colon + 1);
  }
  const bool numeric = !endpoint.port.empty() && endpoint.port.size() <= 5 &&
                       std::all_of(endpoint.port.begin(), endpoint.port.end(),
                                   [](unsigned char c) { return std::isdigit(c) != 0; });
  if (endpoint.host.empty() || endpoint.host.find('/') != std::string::npos || !numeric) {
    return invalid_argument("'" + text + "' is not an address of Hearth; use http://HOST:PORT");
  }
  return endpoint;
}

HttpClient::HttpClient(Endpoint endpoint, int interrupt_fd)
    : endpoint_(std::move(endpoint)), interrupt_fd_(interrupt_fd) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<Connection>> HttpClient::connect(Duration timeout) const {
  const std::string where = "connect to http://" + endpoint_.host + ":" + endpoint_.port;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed =
          ::getaddrinfo(endpoint_.host.c_str(), endpoint_.port.c_str(), &hints, &found);
      failed != 0) {
    return unavailable(where + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
  int last_errno = ECONNREFUSED;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    const int fd =
        ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0) {
      last_errno = errno;
      continue;
    }
    auto connection = std::make_unique<Connection>(fd, interrupt_fd_);
    connection->expire_in(timeout);
    if (::connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      if (errno != EINPROGRESS) {
        last_errno = errno;
        continue;
      }
      HEARTH_ASSIGN(const WaitEnd end,
                    wait_for(fd, POLLOUT, interrupt_fd_, connection->deadline_ns));
      if (end == WaitEnd::Interrupted) {
        return broken(endpoint_, boost::asio::error::interrupted);
      }
      socklen_t size = sizeof(last_errno);
      if (end == WaitEnd::TimedOut) {
        last_errno = ETIMEDOUT;
        continue;
      }
      if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &last_errno, &size) != 0 || last_errno != 0) {
        continue;
      }
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connection;
  }
  Error error = unavailable(system_error(where, last_errno).message);
  error.sys_errno = last_errno;
  return error;
}

Result<HttpResponse> HttpClient::request(const HttpRequest& request, Duration timeout) {
  const bool repeatable = request.method == "GET" || request.method == "HEAD";
  for (bool reused = idle_ != nullptr;; reused = false) {
    std::unique_ptr<Connection> connection = std::move(idle_);
    if (connection == nullptr) {
      HEARTH_ASSIGN(connection, connect(timeout));
    }
    connection->expire_in(timeout);
    error_code failed;
    connection->write_all(serialize(request, endpoint_), failed);
    http::response_parser<http::string_body> parser;
    parser.body_limit(kResponseBodyBytesMax);
    if (!failed) {
      http::read(*connection, connection->buffer, parser, failed);
    }
    if (failed) {
      const bool closed_while_idle = reused && !parser.got_some() &&
                                     failed != boost::asio::error::timed_out &&
                                     failed != boost::asio::error::interrupted;
      if (closed_while_idle && repeatable) {
        continue;
      }
      return broken(endpoint_, failed);
    }
    HttpResponse response = head_of(parser.get());
    response.body = std::move(parser.get().body());
    if (parser.keep_alive()) {
      idle_ = std::move(connection);
    }
    return response;
  }
}

Result<ResponseStream> HttpClient::stream(const HttpRequest& request, Duration timeout) {
  ResponseStream stream;
  stream.state_ = std::make_unique<ResponseStream::State>();
  auto& state = *stream.state_;
  state.endpoint = endpoint_;
  HEARTH_ASSIGN(state.connection, connect(timeout));
  state.connection->expire_in(timeout);
  state.parser.body_limit(boost::none);
  error_code failed;
  state.connection->write_all(serialize(request, endpoint_), failed);
  if (!failed) {
    http::read_header(*state.connection, state.connection->buffer, state.parser, failed);
  }
  if (failed) {
    return broken(endpoint_, failed);
  }
  state.head = head_of(state.parser.get());
  return stream;
}

}  // namespace hearth::client
