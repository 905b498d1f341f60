#include "net/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "base/limits.h"

namespace hearth::net {

namespace {

using tls::Io;
using tls::Moved;

// What the kernel took over counts as not taken by the peer until the peer's kernel says so: one
// that vanished would otherwise keep its connection for a quarter of an hour.
using AcknowledgedWithin = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;

Io io_of(const boost::system::error_code& failed, Io wanted) {
  if (!failed) {
    return Io::Done;
  }
  if (failed == asio::error::would_block || failed == asio::error::try_again) {
    return wanted;
  }
  return failed == asio::error::eof ? Io::End : Io::Broken;
}

}  // namespace

Result<> Wire::open(const tls::Context* context) {
  boost::system::error_code failed;
  socket_.non_blocking(true, failed);
  if (!failed) {
    socket_.set_option(asio::ip::tcp::no_delay(true), failed);
  }
  if (!failed) {
    constexpr int kMilliseconds = 1'000;
    socket_.set_option(
        AcknowledgedWithin(static_cast<int>(limits::kHttpWriteSeconds) * kMilliseconds), failed);
  }
  if (failed) {
    return system_error("set up a connection", failed.value());
  }
  if (context != nullptr) {
    HEARTH_ASSIGN(session_, tls::Session::accept(*context, socket_.native_handle()));
  }
  return {};
}

// A method's name is upper-case letters; the first byte of TLS is 22.
std::string Wire::peer() const {
  boost::system::error_code gone;
  const auto endpoint = socket_.remote_endpoint(gone);
  return gone ? std::string() : endpoint.address().to_string();
}

bool Wire::begins_like_http() {
  char first = 0;
  const auto seen = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen == 1 && first >= 'A' && first <= 'Z';
}

Io Wire::handshake() {
  return session_ == nullptr ? Io::Done : session_->handshake();
}

Moved Wire::read(std::span<char> space) {
  if (session_ != nullptr) {
    return session_->read(space);
  }
  boost::system::error_code failed;
  const std::size_t bytes = socket_.read_some(asio::buffer(space.data(), space.size()), failed);
  return {io_of(failed, Io::WantRead), bytes};
}

Moved Wire::write(std::string_view bytes) {
  if (session_ != nullptr) {
    return session_->write(bytes);
  }
  boost::system::error_code failed;
  const std::size_t sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), failed);
  return {io_of(failed, Io::WantWrite), sent};
}

Io Wire::discard(std::span<char> space) {
  boost::system::error_code failed;
  socket_.read_some(asio::buffer(space.data(), space.size()), failed);
  return io_of(failed, Io::WantRead);
}

bool Wire::finish_sending() {
  if (session_ != nullptr) {
    session_->close_notify();
  }
  boost::system::error_code failed;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failed);
  return !failed;
}

void Wire::close() {
  if (session_ != nullptr) {
    session_->close_notify();
    session_.reset();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace hearth::net
