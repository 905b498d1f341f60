#include "callbacks/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "callbacks/answer_head.h"

namespace hearth::callbacks {

namespace {

using tls::Io;
using tls::Moved;

constexpr std::size_t kReadBytes = 32 * 1024;  // what a TLS session wants
constexpr std::size_t kMappedBytes = 12;

std::string request_text(const CallbackPost& post) {
  std::string text = "POST " + post.url.target + " HTTP/1.1\r\nHost: " + post.url.authority() +
                     "\r\nUser-Agent: hearth\r\nConnection: close\r\nAccept: */*\r\n";
  for (const auto& [name, value] : post.headers) {
    text += name + ": " + value + "\r\n";
  }
  return text + "Content-Length: " + std::to_string(post.body.size()) + "\r\n\r\n" + post.body;
}

int connect_to(int fd, const Address& address, std::uint16_t port) {
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data() + kMappedBytes, sizeof(v4.sin_addr));
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof(v6.sin6_addr));
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
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

Exchange::Exchange(const CallbackPost& post, std::shared_ptr<const tls::Context> tls)
    : url_(post.url), tls_(std::move(tls)), request_(request_text(post)) {}

void Exchange::begin(std::vector<Address> addresses) {
  addresses_ = std::move(addresses);
  connect_next();
  advance();
}

void Exchange::advance() {
  while (!outcome_ && step()) {
  }
}

std::string Exchange::waiting_for() const {
  switch (stage_) {
    case Stage::Connecting:
      return addresses_.empty() ? "its name was not resolved in time" : "it did not answer in time";
    case Stage::Handshaking:
      return "it did not finish the TLS handshake in time";
    case Stage::Writing:
      return "it did not take the request in time";
    case Stage::Reading:
      break;
  }
  return "it took the request and did not answer in time";
}

void Exchange::connect_next() {
  const Address address = addresses_.at(next_++);
  session_.reset();
  fd_.reset(::socket(address.is_v4() ? AF_INET : AF_INET6,
                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  stage_ = Stage::Connecting;
  events_ = POLLOUT;
  sent_ = 0;
  received_.clear();
  if (!fd_.valid()) {
    fail(std::strerror(errno));
    return;
  }
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect_to(fd_.get(), address, url_.port) != 0 && errno != EINPROGRESS) {
    fail(std::strerror(errno));
  }
}

bool Exchange::step() {
  switch (stage_) {
    case Stage::Connecting:
      return finish_connecting();
    case Stage::Handshaking:
      return shake_hands();
    case Stage::Writing:
      return write();
    case Stage::Reading:
      break;
  }
  return read();
}

bool Exchange::finish_connecting() {
  pollfd ready{fd_.get(), POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) {
    return wait_for(Io::WantWrite);
  }
  int failed = 0;
  socklen_t size = sizeof(failed);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
    failed = errno;
  }
  if (failed != 0) {
    return fail(std::strerror(failed));
  }
  if (tls_ == nullptr) {
    stage_ = Stage::Writing;
    return true;
  }
  auto session = tls::Session::connect(*tls_, fd_.get(), url_.host);
  if (!session) {
    return fail(session.error().message);
  }
  session_ = std::move(*session);
  stage_ = Stage::Handshaking;
  return true;
}

bool Exchange::shake_hands() {
  const Io io = session_->handshake();
  if (io == Io::WantRead || io == Io::WantWrite) {
    return wait_for(io);
  }
  if (io != Io::Done) {
    return fail("no TLS: " + (session_->why().empty() ? "it hung up" : session_->why()));
  }
  stage_ = Stage::Writing;
  return true;
}

bool Exchange::write() {
  const std::string_view left = std::string_view(request_).substr(sent_);
  const Moved moved =
      session_ != nullptr
          ? session_->write(left)
          : moved_by(::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL), Io::WantWrite);
  if (moved.io == Io::WantRead || moved.io == Io::WantWrite) {
    return wait_for(moved.io);
  }
  sent_ += moved.bytes;
  // One that answers before it has read everything is heard, too.
  if (moved.io != Io::Done || sent_ == request_.size()) {
    stage_ = Stage::Reading;
  }
  return true;
}

bool Exchange::read() {
  std::array<char, kReadBytes> space{};
  const Moved moved =
      session_ != nullptr
          ? session_->read(space)
          : moved_by(::recv(fd_.get(), space.data(), space.size(), 0), Io::WantRead);
  received_.append(space.data(), moved.bytes);
  if (auto status = read_status(received_)) {
    end(*status ? PostOutcome{.status = **status, .is_forbidden = false, .why = {}}
                : PostOutcome{.status = 0, .is_forbidden = false, .why = status->error().message});
    return false;
  }
  if (moved.io == Io::WantRead || moved.io == Io::WantWrite) {
    return wait_for(moved.io);
  }
  if (moved.io != Io::Done) {
    end({.status = 0, .is_forbidden = false, .why = "it hung up without an answer"});
    return false;
  }
  return true;
}

bool Exchange::fail(const std::string& why) {
  if (next_ < addresses_.size()) {
    connect_next();
    return !outcome_;
  }
  end({.status = 0, .is_forbidden = false, .why = why});
  return false;
}

bool Exchange::wait_for(Io io) {
  events_ = io == Io::WantWrite ? POLLOUT : POLLIN;
  return false;
}

void Exchange::end(PostOutcome outcome) {
  if (session_ != nullptr) {
    session_->close_notify();
    session_.reset();
  }
  fd_.reset();
  outcome_ = std::move(outcome);
}

}  // namespace hearth::callbacks
