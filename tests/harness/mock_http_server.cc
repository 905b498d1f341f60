#include "tests/harness/mock_http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/listen_address.h"
#include "net/request_parser.h"

namespace hearth::harness {
namespace {

constexpr std::int64_t kHeaderBytesMax = 64 << 10;
constexpr std::size_t kReadBytes = 64 << 10;
// What a client may send while its last request is not answered.
constexpr std::size_t kAheadBytesMax = 1 << 20;

bool has_no_body(int status) {
  return status == 204 || status == 304;
}

std::string head_of(const MockHttpServer::Reply& reply, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " " +
                     std::string(net::reason_phrase(reply.status)) + "\r\n";
  bool is_framed = reply.way == MockHttpServer::Way::Open || has_no_body(reply.status);
  for (const auto& [name, value] : reply.headers) {
    head += name + ": " + value + "\r\n";
    is_framed = is_framed || net::equals_ignoring_case(name, "Content-Length") ||
                net::equals_ignoring_case(name, "Transfer-Encoding");
  }
  if (!is_framed) {
    head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  }
  return head + (keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

}  // namespace

struct MockHttpServer::Connection {
  enum class Stage { Reading, Held, Open, Never, Closing };

  // Of an answer that is not there whole.
  [[nodiscard]] bool is_owed() const { return stage != Stage::Reading || !out.empty(); }
  void start_request() {
    parser = std::make_unique<net::RequestParser>(kHeaderBytesMax);
    stage = Stage::Reading;
    has_planned = false;
  }

  UniqueFd fd;
  Stage stage = Stage::Reading;
  std::unique_ptr<net::RequestParser> parser;
  bool has_planned = false;
  bool keep_alive = true;
  std::string in;
  std::string out;
  std::string path;  // of the request that is answered
  std::string method;
  Reply reply;
};

MockHttpServer::MockHttpServer(const std::string& address)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  listen_on(address);
  thread_ = std::thread([this] { run(); });
}

MockHttpServer::~MockHttpServer() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void MockHttpServer::listen_on(const std::string& address) {
  const auto wanted = net::parse_listen_address(address);
  HEARTH_CHECK(wanted, wanted.error().message);
  const bool is_ipv6 = wanted->host.find(':') != std::string::npos;
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = ::htons(wanted->port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = ::htons(wanted->port);
  ::inet_pton(is_ipv6 ? AF_INET6 : AF_INET, wanted->host.c_str(),
              is_ipv6 ? static_cast<void*>(&six.sin6_addr) : static_cast<void*>(&four.sin_addr));
  auto* generic = is_ipv6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  socklen_t size = is_ipv6 ? sizeof(six) : sizeof(four);
  listener_.reset(::socket(generic->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  HEARTH_CHECK(::bind(listener_.get(), generic, size) == 0 &&
                   ::listen(listener_.get(), SOMAXCONN) == 0 &&
                   ::getsockname(listener_.get(), generic, &size) == 0,
               "cannot listen on " + address + ": " + std::strerror(errno));
  const std::uint16_t port = ::ntohs(is_ipv6 ? six.sin6_port : four.sin_port);
  address_ = net::ListenAddress{.host = wanted->host, .port = port}.to_string();
}

void MockHttpServer::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof(one));
}

void MockHttpServer::run() {
  for (;;) {
    std::vector<pollfd> ready = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    {
      const MutexLock lock(mutex_);
      if (stopping_) {
        connections_.clear();
        return;
      }
      for (const auto& connection : connections_) {
        const short more = connection->out.empty() ? 0 : POLLOUT;
        ready.push_back({connection->fd.get(), static_cast<short>(POLLIN | more), 0});
      }
    }
    ::poll(ready.data(), ready.size(), -1);
    std::uint64_t drained = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &drained, sizeof(drained));
    const MutexLock lock(mutex_);
    accept_all();
    for (auto at = connections_.begin(); at != connections_.end();) {
      at = serve(**at) ? std::next(at) : connections_.erase(at);
    }
    changed_.notify_all();
  }
}

void MockHttpServer::accept_all() {
  for (;;) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) {
      return;
    }
    ++accepted_;
    if (connections_.size() >= kConnectionsMax) {
      ADD_FAILURE() << "more than kConnectionsMax connections to " << address_;
      continue;
    }
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->fd = std::move(fd);
    connections_.back()->start_request();
  }
}

bool MockHttpServer::serve(Connection& connection) {
  using Stage = Connection::Stage;
  if (!read_from(connection)) {
    given_up_ += connection.is_owed() ? 1 : 0;
    return false;
  }
  for (;;) {
    if (connection.stage == Stage::Reading && !parse(connection)) {
      break;
    }
    if (connection.stage == Stage::Held) {
      int& released = scripts_[connection.path].released;
      if (released == 0) {
        break;
      }
      --released;
      answer(connection);
    }
    if (connection.stage != Stage::Reading) {
      break;
    }
  }
  while (!connection.out.empty()) {
    const ssize_t sent = ::send(connection.fd.get(), connection.out.data(), connection.out.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      given_up_ += errno == EAGAIN ? 0 : 1;
      return errno == EAGAIN;
    }
    connection.out.erase(0, static_cast<std::size_t>(sent));
  }
  return connection.stage != Stage::Closing;
}

// False when the peer is gone.
bool MockHttpServer::read_from(Connection& connection) {
  std::array<char, kReadBytes> bytes;
  for (;;) {
    const ssize_t got = ::recv(connection.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
      return false;
    }
    connection.in.append(bytes.data(), static_cast<std::size_t>(got));
    if (connection.stage == Connection::Stage::Reading) {
      return true;  // parsed before more is read
    }
    if (connection.in.size() > kAheadBytesMax) {
      ADD_FAILURE() << "a client sends more than kAheadBytesMax ahead to " << address_;
      return false;
    }
  }
}

// True when it got on to another stage, or to another request.
bool MockHttpServer::parse(Connection& connection) {
  using State = net::RequestParser::State;
  net::RequestParser& parser = *connection.parser;
  Result<> taken;
  while (!connection.in.empty() && parser.state() != State::Done) {
    const Result<std::size_t> used = parser.parse(connection.in);
    if (!used) {
      taken = used.error();
      break;
    }
    connection.in.erase(0, *used);
    if (parser.state() != State::Head && !connection.has_planned) {
      connection.has_planned = true;
      taken = parser.plan_body(kBodyBytesMax, "kBodyBytesMax", nullptr);
      if (!taken) {
        break;
      }
      if (parser.expects_continue() && connection.in.empty()) {
        connection.out += "HTTP/1.1 100 Continue\r\n\r\n";
      }
    } else if (*used == 0) {
      break;
    }
  }
  if (!taken) {
    ADD_FAILURE() << address_ << " was sent what is not answered: " << taken.error().message;
    connection.out += head_of({.status = 400}, false);
    connection.stage = Connection::Stage::Closing;
    return true;
  }
  if (parser.state() != State::Done) {
    return false;
  }
  take_request(connection);
  return true;
}

void MockHttpServer::take_request(Connection& connection) {
  net::Request& taken = connection.parser->request();
  Request request{.method = taken.method,
                  .target = taken.target,
                  .path = taken.path,
                  .headers = {taken.headers.begin(), taken.headers.end()},
                  .body = std::move(taken.body)};
  connection.path = request.path;
  connection.method = request.method;
  connection.keep_alive = connection.parser->keep_alive();
  if (requests_.size() < kRequestsMax) {
    connection.reply = reply_to(request.path);
    requests_.push_back(std::move(request));
  } else {
    ADD_FAILURE() << "more than kRequestsMax requests to " << address_;
    connection.reply = {.status = 503};
  }
  if (connection.reply.is_held) {
    connection.stage = Connection::Stage::Held;
  } else {
    answer(connection);
  }
}

MockHttpServer::Reply MockHttpServer::reply_to(const std::string& path) {
  Script& script = scripts_[path];
  if (!script.next.empty()) {
    Reply reply = std::move(script.next.front());
    script.next.pop_front();
    return reply;
  }
  return script.always ? *script.always
                       : Reply{.status = 404, .body = "no answer is scripted for " + path + "\n"};
}

void MockHttpServer::answer(Connection& connection) {
  using Stage = Connection::Stage;
  const Reply& reply = connection.reply;
  if (reply.way == Way::Never) {
    connection.stage = Stage::Never;
    return;
  }
  if (reply.way == Way::Drop) {
    connection.stage = Stage::Closing;
    return;
  }
  const bool stays = reply.way == Way::Whole && connection.keep_alive;
  connection.out += head_of(reply, stays);
  if (connection.method != "HEAD" && !has_no_body(reply.status)) {
    connection.out +=
        reply.body.substr(0, reply.way == Way::Cut ? reply.cut_after : std::string::npos);
  }
  if (reply.way == Way::Open) {
    connection.stage = Stage::Open;
  } else if (stays) {
    connection.start_request();
  } else {
    connection.stage = Stage::Closing;
  }
}

void MockHttpServer::next(const std::string& path, Reply reply) {
  const MutexLock lock(mutex_);
  scripts_[path].next.push_back(std::move(reply));
}

void MockHttpServer::always(const std::string& path, Reply reply) {
  const MutexLock lock(mutex_);
  scripts_[path].always = std::make_unique<Reply>(std::move(reply));
}

void MockHttpServer::release(const std::string& path, int count) {
  {
    const MutexLock lock(mutex_);
    scripts_[path].released += count;
  }
  wake();
}

void MockHttpServer::send(const std::string& path, const std::string& bytes) {
  int open = 0;
  {
    const MutexLock lock(mutex_);
    for (const auto& connection : connections_) {
      if (connection->stage == Connection::Stage::Open && connection->path == path) {
        connection->out += bytes;
        ++open;
      }
    }
  }
  EXPECT_GT(open, 0) << "no answer of " << path << " is open";
  wake();
}

void MockHttpServer::hang_up(const std::string& path) {
  {
    const MutexLock lock(mutex_);
    for (const auto& connection : connections_) {
      if (connection->stage != Connection::Stage::Reading && connection->path == path) {
        connection->stage = Connection::Stage::Closing;
      }
    }
  }
  wake();
}

std::vector<MockHttpServer::Request> MockHttpServer::of_path(const std::string& path) const {
  std::vector<Request> found;
  std::copy_if(requests_.begin(), requests_.end(), std::back_inserter(found),
               [&path](const Request& each) { return path.empty() || each.path == path; });
  return found;
}

std::vector<MockHttpServer::Request> MockHttpServer::requests(const std::string& path) {
  const MutexLock lock(mutex_);
  return of_path(path);
}

std::vector<MockHttpServer::Request> MockHttpServer::wait_for(std::size_t count,
                                                              const std::string& path,
                                                              Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const MutexLock lock(mutex_);
  for (;;) {
    std::vector<Request> found = of_path(path);
    const bool is_late = std::chrono::steady_clock::now() >= deadline;
    if (found.size() >= count || is_late) {
      EXPECT_GE(found.size(), count) << "requests " << path << " of " << requests_.size()
                                     << " in all, after " << patience.count() << " ms";
      return found;
    }
    changed_.wait_until(mutex_, deadline);
  }
}

void MockHttpServer::wait_given_up(std::size_t count, Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const MutexLock lock(mutex_);
  while (given_up_ < count && std::chrono::steady_clock::now() < deadline) {
    changed_.wait_until(mutex_, deadline);
  }
  EXPECT_GE(given_up_, count) << "clients that gave up, after " << patience.count() << " ms";
}

std::size_t MockHttpServer::connections() {
  const MutexLock lock(mutex_);
  return accepted_;
}

}  // namespace hearth::harness
