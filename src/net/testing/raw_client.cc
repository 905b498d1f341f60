#include "net/testing/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "net/http_message.h"

namespace hearth::net::testing {

RawClient::RawClient(std::uint16_t port, const Options& options)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  sockaddr_in own{};
  own.sin_family = AF_INET;
  inet_pton(AF_INET, options.from.c_str(), &own.sin_addr);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) != 0 ||
      connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd_);
    fd_ = -1;
  } else if (options.tls != nullptr) {
    session_ = std::move(*tls::Session::connect(*options.tls, fd_, "localhost"));
    shake_hands();
  }
}

RawClient::~RawClient() {
  if (fd_ >= 0) {
    if (session_ != nullptr) {
      session_->close_notify();
    }
    close(fd_);
  }
}

bool RawClient::wait_for(short events) const {
  pollfd ready{fd_, events, 0};
  return poll(&ready, 1, 10'000) > 0;
}

void RawClient::shake_hands() {
  tls::Io io = session_->handshake();
  while ((io == tls::Io::WantRead && wait_for(POLLIN)) ||
         (io == tls::Io::WantWrite && wait_for(POLLOUT))) {
    io = session_->handshake();
  }
}

std::string RawClient::tls_failure() const {
  return session_ != nullptr && session_->established() ? "" : session_->why() + " ";
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    tls::Moved moved;
    if (session_ != nullptr) {
      moved = session_->write(bytes);
    } else {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      const bool full = sent < 0 && errno == EAGAIN;
      moved = {full       ? tls::Io::WantWrite
               : sent < 0 ? tls::Io::Broken
                          : tls::Io::Done,
               static_cast<std::size_t>(std::max<ssize_t>(sent, 0))};
    }
    if (moved.io == tls::Io::Broken || (moved.io == tls::Io::WantWrite && !wait_for(POLLOUT))) {
      return false;
    }
    bytes.remove_prefix(moved.bytes);
  }
  return true;
}

void RawClient::finish_sending() {
  if (session_ != nullptr) {
    session_->close_notify();
  }
  shutdown(fd_, SHUT_WR);
}

void RawClient::set_receive_buffer(int bytes) {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

bool RawClient::fill() {
  std::array<char, 65536> chunk{};
  for (;;) {
    if (session_ != nullptr) {
      const tls::Moved moved = session_->read(chunk);
      buffer_.append(chunk.data(), moved.bytes);
      if (moved.bytes > 0 || moved.io != tls::Io::WantRead) {
        return moved.bytes > 0;
      }
    } else {
      const ssize_t received = recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
      buffer_.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
      if (received >= 0 || errno != EAGAIN) {
        return received > 0;
      }
    }
    if (!wait_for(POLLIN)) {
      return false;
    }
  }
}

std::string RawClient::read_some(std::size_t size) {
  while (buffer_.size() < size && fill()) {
  }
  std::string taken = buffer_.substr(0, size);
  buffer_.erase(0, taken.size());
  return taken;
}

std::string RawClient::read_until(std::string_view text) {
  std::size_t found = 0;
  while ((found = buffer_.find(text)) == std::string::npos && fill()) {
  }
  return read_some(found == std::string::npos ? buffer_.size() : found + text.size());
}

bool RawClient::at_end() {
  return buffer_.empty() && !fill();
}

RawResponse RawClient::read_response(bool head_only) {
  RawResponse response;
  std::string head = read_until("\r\n\r\n");
  if (!head.ends_with("\r\n\r\n") || !head.starts_with("HTTP/1.1 ")) {
    return response;
  }
  std::from_chars(head.data() + 9, head.data() + 12, response.status);
  std::size_t line = head.find("\r\n") + 2;
  for (std::size_t end = head.find("\r\n", line); end > line; end = head.find("\r\n", line)) {
    const std::size_t colon = head.find(": ", line);
    response.headers[to_lower(head.substr(line, colon - line))] =
        head.substr(colon + 2, end - colon - 2);
    line = end + 2;
  }
  if (head_only || response.status == 204 || response.status == 100) {
    response.complete = true;
    return response;
  }
  if (response.headers.contains("transfer-encoding")) {
    for (;;) {
      const std::string size_line = read_until("\r\n");
      std::size_t size = 0;
      if (std::from_chars(size_line.data(), size_line.data() + size_line.size(), size, 16).ec !=
          std::errc{}) {
        return response;
      }
      response.body += read_some(size);
      read_some(2);
      if (size == 0) {
        response.complete = true;
        return response;
      }
    }
  }
  std::size_t length = 0;
  const auto field = response.headers.find("content-length");
  if (field == response.headers.end()) {
    return response;
  }
  const std::string& text = field->second;
  std::from_chars(text.data(), text.data() + text.size(), length);
  response.body = read_some(length);
  response.complete = response.body.size() == length;
  return response;
}

std::string get(std::string_view path, std::string_view extra) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(extra) +
         "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view content_type,
                 std::string_view extra) {
  std::string request = "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!content_type.empty()) {
    request += "Content-Type: " + std::string(content_type) + "\r\n";
  }
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(extra) +
             "\r\n" + std::string(body);
  return request;
}

}  // namespace hearth::net::testing
