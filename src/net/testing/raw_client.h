// A blocking client that sends exactly the bytes it is told: what a test of the server needs and no
// decent client offers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tls/session.h"

namespace hearth::net::testing {

struct RawResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
  bool complete = false;  // framed and fully received
};

class RawClient {
 public:
  struct Options {
    const tls::Context* tls = nullptr;  // null: plain
    std::string from = "127.0.0.1";     // the client's own address
  };
  explicit RawClient(std::uint16_t port) : RawClient(port, Options{}) {}
  RawClient(std::uint16_t port, const Options& options);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the peer is gone.
  bool send(std::string_view bytes);
  // Why there is no TLS session; "" when there is one.
  [[nodiscard]] std::string tls_failure() const;
  void finish_sending();
  void set_receive_buffer(int bytes);
  // Reads the head and, unless `head_only`, the whole body by its framing. Fails the test's time
  // limit rather than wait for ever: 10 s without a byte end it.
  RawResponse read_response(bool head_only = false);
  // The next `size` bytes of what comes (for streams), or fewer at the end.
  std::string read_some(std::size_t size);
  // Reads on until `text` was seen; returns everything up to and with it, or what there was.
  std::string read_until(std::string_view text);
  // True when the peer has closed and nothing more came.
  bool at_end();

 private:
  bool fill();
  void shake_hands();
  // False after ten seconds.
  [[nodiscard]] bool wait_for(short events) const;

  int fd_ = -1;
  std::unique_ptr<tls::Session> session_;  // null: plain
  std::string buffer_;
};

// "GET /path HTTP/1.1" with a Host of this machine and the given extra lines ("Name: value\r\n").
std::string get(std::string_view path, std::string_view extra = "");
std::string post(std::string_view path, std::string_view body,
                 std::string_view content_type = "application/json", std::string_view extra = "");

}  // namespace hearth::net::testing
