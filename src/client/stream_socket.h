// One connection to a server, plain or in TLS: blocking calls whose waits are bounded by a time and
// by a descriptor that becomes readable. Private to client/.
#pragma once

#include <netdb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "client/http_client.h"
#include "tls/session.h"

namespace hearth::client {

class StreamSocket {
 public:
  enum class End { Done, Closed, TimedOut, Interrupted, Broken };
  struct Outcome {
    End end = End::Done;
    std::size_t bytes = 0;
  };

  // Connects to the first address that answers and, for https, shakes hands. Errors say what to do
  // about a certificate that is not believed.
  static Result<std::unique_ptr<StreamSocket>> open(const Endpoint& endpoint, int interrupt_fd,
                                                    Duration timeout);
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;
  ~StreamSocket();

  // Holds for all calls that follow.
  void expire_in(Duration timeout);
  Outcome read_some(std::span<char> space);
  End write_all(std::string_view bytes);
  // After Broken.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  StreamSocket(UniqueFd fd, int interrupt_fd) : fd_(std::move(fd)), interrupt_fd_(interrupt_fd) {}
  Result<> connect(const addrinfo& address, const std::string& what);
  Result<> secure(const Endpoint& endpoint);
  // Repeats `operation` until it moved bytes, failed, or the wait for it ended.
  Outcome repeat(const std::function<tls::Moved()>& operation);

  UniqueFd fd_;
  int interrupt_fd_;
  std::int64_t deadline_ns_ = 0;
  std::unique_ptr<tls::Session> session_;  // null: plain
  // A TLS record is larger than what a caller may have room for.
  std::string decrypted_;
  std::size_t decrypted_used_ = 0;
  std::string why_;
};

}  // namespace hearth::client
