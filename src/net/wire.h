// The bytes of one connection, plain or in TLS, moved without ever waiting. Private to net/.
//
// The owner waits by Asio's readiness and calls again; Io says for what. Lives on the loop's
// thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"
#include "tls/session.h"

namespace hearth::net {

namespace asio = boost::asio;
// Concrete executors: no type-erased dispatch on the hot path.
using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

class Wire {
 public:
  explicit Wire(Socket socket) : socket_(std::move(socket)) {}

  // Non-blocking, small writes sent at once. With a context the handshake has to follow.
  Result<> open(const tls::Context* context);
  // Its IP address, without port; empty when it is gone already.
  [[nodiscard]] std::string peer() const;
  [[nodiscard]] bool in_tls() const { return session_ != nullptr; }

  // The peer speaks HTTP where TLS is expected; stay_plain() then lets it be answered.
  [[nodiscard]] bool begins_like_http();
  void stay_plain() { session_.reset(); }

  tls::Io handshake();
  tls::Moved read(std::span<char> space);
  tls::Moved write(std::string_view bytes);
  // Reads what still comes away, unseen; End when the peer has nothing more to say.
  tls::Io discard(std::span<char> space);
  // Nothing more is sent. False when the peer is gone already.
  bool finish_sending();
  void close();

  template <class Handler>
  void wait_readable(Handler handler) {
    socket_.async_wait(Socket::wait_read, std::move(handler));
  }
  template <class Handler>
  void wait_writable(Handler handler) {
    socket_.async_wait(Socket::wait_write, std::move(handler));
  }

 private:
  Socket socket_;
  std::unique_ptr<tls::Session> session_;  // null: plain
};

}  // namespace hearth::net
