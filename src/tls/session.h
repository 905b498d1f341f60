// One TLS connection on a descriptor that never blocks.
//
// Every call does what can be done now and says what it waits for; the owner waits (Asio in the
// server, poll in the client) and calls again. OpenSSL reads and writes the descriptor itself, so
// nothing is copied through a pair of buffers and an idle session keeps none. The descriptor is
// borrowed: it outlives the session and is closed by its owner. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tls/certificate.h"
#include "tls/context.h"

struct ssl_st;

namespace hearth::tls {

enum class Io {
  Done,
  WantRead,   // call again when the descriptor is readable
  WantWrite,  // ... or writable
  End,        // the peer said that nothing more comes
  Broken,     // why() says it; nothing can follow
};

struct Moved {
  Io io = Io::Done;
  std::size_t bytes = 0;
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> accept(const Context& context, int fd);
  // The peer's certificate must be for `host`, a name or an IP address.
  static Result<std::unique_ptr<Session>> connect(const Context& context, int fd,
                                                  const std::string& host);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Io handshake();
  // Fills `space` (32 KiB or more) with what has arrived. Bytes may come with an End or Broken
  // behind them. What is left to read makes the descriptor readable: nothing is held back in here.
  Moved read(std::span<char> space);
  Moved write(std::string_view bytes);
  // Says that nothing more will be sent; does not wait.
  void close_notify();

  [[nodiscard]] bool established() const;
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] std::string protocol() const;  // "TLSv1.3"
  // After Broken: a sentence that says what is wrong and, where the caller is the client, what to
  // do.
  [[nodiscard]] std::string why() const { return why_; }

 private:
  Session(ssl_st* owned, int fd, std::string host);
  Io explain(int result);
  [[nodiscard]] std::string refusal_of_peer() const;
  [[nodiscard]] std::string describe_failure() const;

  ssl_st* session_;
  std::string host_;  // empty: this end is the server
  std::string why_;
  std::unique_ptr<CertificateFacts>
      refused_;  // of the server, when its certificate is not accepted
};

}  // namespace hearth::tls
