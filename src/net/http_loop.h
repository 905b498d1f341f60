// One thread of the HTTP server: its io_context, its timer wheel and the connections it owns.
// Private to net/, as are all headers here that name Asio.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/mutex.h"
#include "net/address_count.h"
#include "net/http_server.h"
#include "net/timer_wheel.h"
#include "net/wire.h"
#include "tls/server_identity.h"

namespace hearth::net {

class Connection;

// What all loops of one server share. Counters are relaxed: they are for people.
struct ServerShared {
  ServerShared(HttpHandler& h, Clock& c, HttpServerOptions o) : handler(h), clock(c), options(o) {}
  HttpHandler& handler;
  Clock& clock;
  const HttpServerOptions options;
  std::atomic<bool> stopping{false};
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> connections_total{0};
  std::atomic<std::int64_t> connections_refused_total_bound{0};
  std::atomic<std::int64_t> connections_refused_address_bound{0};
  std::atomic<std::int64_t> refusals_untold{0};
  std::atomic<std::int64_t> refusals{0};  // of `connections`: those that are only told so
  std::atomic<std::int64_t> handshakes{0};
  std::atomic<std::int64_t> handshakes_failed{0};
  std::atomic<std::int64_t> handshakes_dropped{0};
  std::atomic<std::int64_t> streams{0};
  std::array<std::atomic<std::int64_t>, kHttpWaits.size()> too_slow{};
  std::array<std::atomic<std::int64_t>, 5> responses{};
  std::atomic<std::int64_t> bytes_sent{0};
  std::atomic<std::int64_t> bytes_received{0};
  Mutex gone_mutex;  // with `gone`: the last connection went away
  Condition gone;
  AddressCount addresses;

  void connection_gone(AddressCount::Key peer, bool was_refused);
};

class Loop : public std::enable_shared_from_this<Loop> {
 public:
  explicit Loop(std::shared_ptr<ServerShared> shared);
  ~Loop();

  void start();
  // Runs `work` on this loop's thread. Thread-safe; after shut_down it is dropped.
  void post(std::function<void()> work);
  // Wakes a streamed answer. Thread-safe and cheap: an event may concern thousands of them.
  struct Wake {
    std::weak_ptr<Connection> connection;
    std::uint64_t serial = 0;
  };
  void wake(Wake wake);
  [[nodiscard]] bool in_thread() const { return std::this_thread::get_id() == thread_id_.load(); }
  // Closes everything, ends the thread and joins it.
  void shut_down();

  // The rest is for the loop's own thread.
  void adopt(Socket socket, AddressCount::Key peer, std::optional<Response> refusal);
  void begin_stop();
  void advance();
  void forget(const std::shared_ptr<Connection>& connection);
  // Null when connections are plain.
  [[nodiscard]] std::shared_ptr<const tls::Context> tls_context() const;
  // Drops the oldest when there are too many: whoever dawdles makes room, not who comes next.
  std::list<Connection*>::iterator handshake_began(Connection& connection);
  void handshake_ended(std::list<Connection*>::iterator place) {
    handshakes_.erase(place);
    --shared->handshakes;
  }

  asio::io_context io{1};
  TimerWheel wheel;
  // Shared by all connections, so that an idle one holds none. What a connection sends is gathered
  // in `spare_out` while it lends it, and moves to a buffer of its own when the peer is slow.
  std::vector<char> read_buffer;
  std::string spare_pull;
  std::string spare_out;
  std::string date;  // RFC 9110, renewed each tick
  std::shared_ptr<ServerShared> shared;
  std::function<void()> on_tick;  // set before start()

 private:
  void arm_ticker();
  void wake_some();
  void renew_date();

  asio::steady_timer ticker_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::list<Connection*> handshakes_;  // oldest first; all are in connections_
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
  Mutex mutex_;
  bool closed_ HEARTH_GUARDED_BY(mutex_) = false;  // nothing is posted any more
  // One at most for each streamed answer.
  std::vector<Wake> wakes_ HEARTH_GUARDED_BY(mutex_);
  bool waking_posted_ HEARTH_GUARDED_BY(mutex_) = false;
  std::vector<Wake> waking_;  // the loop's own, from `waking_next_` on
  std::size_t waking_next_ = 0;
};

}  // namespace hearth::net
