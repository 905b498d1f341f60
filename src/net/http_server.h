// The HTTP/1.1 server every front door is mounted on.
//
// One handler sees every request: first its head, to say how the body is to be received (or to
// refuse it before a byte of it is read), then the whole. Answers may come later and from any
// thread through the Responder. Long answers (server-sent events, output that is followed) are
// pulled: a BodySource is asked for more only when the peer has taken what it was given, so a slow
// reader costs one chunk of memory and nobody's time.
//
// Threads: each of Options::threads runs a loop of its own and owns the connections it accepted; a
// connection's callbacks (handler, sink, source) all run on its thread and never at once. No
// third-party header leaves this one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "net/http_message.h"
#include "net/listen_address.h"

namespace hearth::tls {
class ServerIdentity;
}

namespace hearth::net {

class Exchange;

// Produces the body of a streamed answer. Lives on the connection's thread and is destroyed when
// the body ended or the peer left.
class BodySource {
 public:
  enum class Pull {
    More,  // ask again as soon as this is taken
    Wait,  // nothing more now: ask again after Wakeup::notify()
    End,
  };
  virtual ~BodySource() = default;
  // Appends about `max` bytes at most.
  virtual Pull pull(std::string& out, std::size_t max) = 0;
  // Nothing was written for Options::keep_alive_ticks; what is appended keeps proxies and the peer
  // awake.
  virtual void on_quiet(std::string& /*out*/) {}
  // The server stops: last words, then the body ends.
  virtual void on_stop(std::string& /*out*/) {}
};

// Tells the connection that its BodySource has more. Thread-safe, cheap when repeated, and without
// effect once the answer is over.
class Wakeup {
 public:
  Wakeup() = default;
  explicit Wakeup(std::weak_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  void notify() const;

 private:
  std::weak_ptr<Exchange> exchange_;
};

// The way to answer one request: the first answer counts, from whatever thread. When the last copy
// goes away unanswered, the peer gets a 500.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  void send(Response response) const;
  void fail(const Error& error) const;  // as application/problem+json
  // `head.body` is ignored. With `length` the body is exactly that long, else it is chunked.
  void stream(Response head, std::unique_ptr<BodySource> source,
              std::optional<std::int64_t> length = std::nullopt) const;
  // Runs `work` on the connection's thread, for what a callback of another must not do itself. It
  // is dropped when the server is gone.
  void post(std::function<void()> work) const;
  [[nodiscard]] Wakeup wakeup() const { return Wakeup(exchange_); }
  // Kept until the last copy of this responder goes.
  void hold(std::shared_ptr<void> held) { held_ = std::move(held); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<void> held_;
};

// Takes a body as it arrives, for routes whose bodies are too large to be held.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // An error is answered at once and ends the connection.
  virtual Result<> on_data(std::string_view bytes) = 0;
  virtual void finish(Request request, Responder responder) = 0;
};

inline constexpr std::size_t kNoRoute = static_cast<std::size_t>(-1);

// How the body of one request is received.
struct BodyPlan {
  std::int64_t bytes_max = limits::kRequestBodyBytesMax;
  std::string_view limit_name = "request_body_bytes_max";
  std::unique_ptr<BodySink> sink;  // null: the body is collected into Request::body
  std::optional<Response> refuse;  // answered at once, instead of everything else
  std::size_t route = kNoRoute;    // given back in HttpHandler::answered
};

// How one request was answered: `ns` from its head's last byte until its answer was there to be
// sent, or began, if it streams; below 0 when its head never came whole.
struct Answered {
  std::size_t route = kNoRoute;
  int status = 0;
  std::string_view limit;  // of the refusal
  std::int64_t ns = -1;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual BodyPlan plan(const Request& head) = 0;
  virtual void handle(Request request, Responder responder) = 0;
  // On the connection's thread; must be cheap.
  virtual void answered(const Answered& /*answer*/) {}
  // A tick of HttpServerOptions has passed. On a thread of the server; must be cheap.
  virtual void tick() {}
};

// Timeouts are counted in ticks of one second by default; a test sets tick to zero and calls
// HttpServer::tick().
struct HttpServerOptions {
  int threads = 2;
  const tls::ServerIdentity* tls = nullptr;  // null: plain; outlives the server
  std::int64_t connections_max = limits::kConnectionsMax;
  std::int64_t connections_per_address_max = limits::kConnectionsPerAddressMax;
  bool counts_loopback = false;  // per address; a proxy on this machine is many clients
  std::int64_t refusals_max = limits::kRefusalsMax;
  std::int64_t descriptors_kept = limits::kDescriptorsKept;
  // Connections are refused for want of descriptors: once a minute while that is so. On a thread of
  // the server; must not block.
  std::function<void(std::int64_t descriptors_max)> on_descriptors_short;
  std::int64_t handshakes_max = limits::kTlsHandshakesMax;
  std::int64_t header_bytes_max = limits::kHeaderBytesMax;
  Duration tick = std::chrono::seconds(1);
  std::uint64_t handshake_ticks = limits::kTlsHandshakeSeconds;
  std::uint64_t idle_ticks = limits::kHttpIdleSeconds;
  std::uint64_t head_ticks = limits::kHttpHeadSeconds;
  std::uint64_t body_ticks = limits::kHttpBodySeconds;
  std::uint64_t write_ticks = limits::kHttpWriteSeconds;
  std::int64_t bytes_per_tick_min = limits::kHttpBytesPerSecondMin;
  std::uint64_t linger_ticks = 3;  // a refused body is read away this long, so the answer arrives
  std::uint64_t keep_alive_ticks = 15;
  std::size_t stream_chunk_bytes = 64 * 1024;
  bool beyond_loopback = false;  // who set this has seen to TLS and tokens
};

// What a client took too long for.
inline constexpr std::array<std::string_view, 5> kHttpWaits = {"handshake", "idle", "head", "body",
                                                               "write"};

struct HttpServerStats {
  std::int64_t connections = 0;
  std::int64_t connections_total = 0;
  std::int64_t connections_refused_total_bound = 0;    // connections_max
  std::int64_t connections_refused_address_bound = 0;  // connections_per_address_max
  std::int64_t refusals_untold = 0;                    // of those, closed without a word
  std::int64_t handshakes = 0;                         // TLS, under way
  std::int64_t handshakes_failed = 0;
  std::int64_t handshakes_dropped = 0;      // of those, for want of room
  std::int64_t streams = 0;                 // answers that are being streamed
  std::array<std::int64_t, 5> responses{};  // by class of status: 1xx to 5xx
  std::array<std::int64_t, kHttpWaits.size()> too_slow{};
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
};

class HttpServer {
 public:
  // Listens and serves until stop() or destruction. A taken port fails naming it, who holds it and
  // `how_to_choose` ("--http ADDR or HEARTH_HTTP"). `handler` and `clock` must outlive the server.
  static Result<std::unique_ptr<HttpServer>> start(const ListenAddress& address,
                                                   std::string_view how_to_choose,
                                                   HttpHandler& handler, Clock& clock,
                                                   HttpServerOptions options = {});
  virtual ~HttpServer() = default;
  [[nodiscard]] virtual ListenAddress address() const = 0;  // with the port really taken
  [[nodiscard]] virtual HttpServerStats stats() const = 0;
  // Stops accepting, lets answers under way end within `ticks`, closes the rest and joins.
  // Idempotent.
  virtual void stop(std::uint64_t ticks = 5) = 0;
  // Advances every loop by one tick and waits until each has acted on it.
  virtual void tick() = 0;
};

}  // namespace hearth::net
