#include "net/http_server.h"

#include <sys/resource.h>

#include <chrono>
#include <future>
#include <limits>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "net/http_connection.h"
#include "net/http_loop.h"
#include "net/port_holder.h"
#include "net/problem.h"

namespace hearth::net {

void Wakeup::notify() const {
  if (const auto exchange = exchange_.lock()) {
    exchange->wake();
  }
}

void Responder::send(Response response) const {
  exchange_->answer(Answer{.head = std::move(response), .source = nullptr, .length = {}});
}

void Responder::fail(const Error& error) const {
  send(problem_response(error));
}

void Responder::stream(Response head, std::unique_ptr<BodySource> source,
                       std::optional<std::int64_t> length) const {
  exchange_->answer(Answer{.head = std::move(head), .source = std::move(source), .length = length});
}

void Responder::post(std::function<void()> work) const {
  exchange_->run(std::move(work));
}

namespace {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

class AsioHttpServer final : public HttpServer {
 public:
  AsioHttpServer(HttpHandler& handler, Clock& clock, const HttpServerOptions& options)
      : shared_(std::make_shared<ServerShared>(handler, clock, options)) {
    for (int i = 0; i < std::max(options.threads, 1); ++i) {
      loops_.push_back(std::make_shared<Loop>(shared_));
    }
    acceptor_ = std::make_unique<Acceptor>(loops_.front()->io);
  }

  ~AsioHttpServer() override { stop(0); }

  Result<> listen(const ListenAddress& address, std::string_view how_to_choose) {
    boost::system::error_code ec;
    const auto ip = asio::ip::make_address(address.host, ec);
    if (ec) {
      return invalid_argument("cannot listen on " + address.to_string() + ": " + ec.message());
    }
    const asio::ip::tcp::endpoint endpoint(ip, address.port);
    acceptor_->open(endpoint.protocol(), ec);
    if (!ec) {
      acceptor_->set_option(asio::socket_base::reuse_address(true), ec);
    }
    if (!ec) {
      acceptor_->bind(endpoint, ec);
    }
    if (!ec) {
      acceptor_->listen(asio::socket_base::max_listen_connections, ec);
    }
    if (ec == asio::error::address_in_use) {
      return port_taken(address.to_string(), address.port, how_to_choose);
    }
    if (ec) {
      return Error{.code = ErrorCode::Unavailable,
                   .message = "cannot listen on " + address.to_string() + ": " + ec.message() +
                              "; choose another with " + std::string(how_to_choose),
                   .sys_errno = ec.value()};
    }
    address_ = {address.host, acceptor_->local_endpoint(ec).port()};
    return {};
  }

  void start() {
    loops_.front()->on_tick = [this] {
      ++ticks_since_told_;
      shared_->handler.tick();
      if (accept_paused_) {
        accept_paused_ = false;
        accept();
      }
    };
    accept();
    for (const auto& loop : loops_) {
      loop->start();
    }
  }

  [[nodiscard]] ListenAddress address() const override { return address_; }

  [[nodiscard]] HttpServerStats stats() const override {
    HttpServerStats stats;
    stats.connections = shared_->connections;
    stats.connections_total = shared_->connections_total;
    stats.connections_refused_total_bound = shared_->connections_refused_total_bound;
    stats.connections_refused_address_bound = shared_->connections_refused_address_bound;
    stats.refusals_untold = shared_->refusals_untold;
    stats.handshakes = shared_->handshakes;
    stats.handshakes_failed = shared_->handshakes_failed;
    stats.handshakes_dropped = shared_->handshakes_dropped;
    stats.streams = shared_->streams;
    for (std::size_t i = 0; i < stats.too_slow.size(); ++i) {
      stats.too_slow.at(i) = shared_->too_slow.at(i);
    }
    for (std::size_t i = 0; i < stats.responses.size(); ++i) {
      stats.responses.at(i) = shared_->responses.at(i);
    }
    stats.bytes_sent = shared_->bytes_sent;
    stats.bytes_received = shared_->bytes_received;
    return stats;
  }

  void stop(std::uint64_t ticks) override {
    if (stopped_) {
      return;
    }
    stopped_ = true;
    shared_->stopping = true;
    loops_.front()->post([this] {
      boost::system::error_code ignored;
      acceptor_->close(ignored);
    });
    for (const auto& loop : loops_) {
      loop->post([loop] { loop->begin_stop(); });
    }
    wait_for_connections(ticks);
    for (const auto& loop : loops_) {
      loop->shut_down();
    }
  }

  void tick() override {
    for (const auto& loop : loops_) {
      std::promise<void> done;
      loop->post([&loop, &done] {
        loop->advance();
        done.set_value();
      });
      done.get_future().wait();
    }
  }

 private:
  void wait_for_connections(std::uint64_t ticks) {
    const auto deadline = std::chrono::steady_clock::now() + shared_->options.tick * ticks;
    const MutexLock lock(shared_->gone_mutex);
    while (shared_->connections > 0 && std::chrono::steady_clock::now() < deadline) {
      shared_->gone.wait_until(shared_->gone_mutex, deadline);
    }
  }

  void accept() {
    Loop& target = *loops_.at(next_loop_++ % loops_.size());
    acceptor_->async_accept(
        target.io, [this, &target](const boost::system::error_code& ec, Socket socket) {
          if (ec == asio::error::operation_aborted || shared_->stopping) {
            return;
          }
          if (ec) {
            tell_of_shortage(ec);
            accept_paused_ = true;  // what waits to be accepted would fail again at once
            return;
          }
          admit(target, std::move(socket));
          accept();
        });
  }

  void admit(Loop& target, Socket socket) {
    AddressCount::Key peer = key_of(socket);
    const std::int64_t room = descriptors_left(socket);
    std::optional<Response> refusal = room < 0 ? no_descriptors() : refuse(peer);
    if (refusal) {
      peer = AddressCount::kNobody;
      if (shared_->refusals >= shared_->options.refusals_max ||
          room < -shared_->options.descriptors_kept / 2) {
        ++shared_->refusals_untold;
        return;  // too many at once to tell each
      }
      ++shared_->refusals;
    } else {
      ++shared_->connections_total;
    }
    ++shared_->connections;
    auto moved = std::make_shared<Socket>(std::move(socket));
    target.post([&target, moved, peer, refusal = std::move(refusal)]() mutable {
      target.adopt(std::move(*moved), peer, std::move(refusal));
    });
  }

  // Beyond those that are kept back. The kernel gives the lowest free number, so that a new one
  // says how many are in use.
  [[nodiscard]] std::int64_t descriptors_left(Socket& socket) const {
    return descriptors_max() - shared_->options.descriptors_kept - socket.native_handle() - 1;
  }

  static std::int64_t descriptors_max() {
    rlimit limit{};
    const bool is_known =
        ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return is_known ? static_cast<std::int64_t>(limit.rlim_cur)
                    : std::numeric_limits<std::int32_t>::max();
  }

  Response no_descriptors() {
    tell_of_shortage(asio::error::no_descriptors);
    Error error = limit_exceeded(
        "descriptors", descriptors_max(),
        "the server has too few file descriptors left; close connections or try again later");
    error.kind = "rate_limited";
    return problem_response(error, 503);
  }

  void tell_of_shortage(const boost::system::error_code& ec) {
    constexpr std::uint64_t kTellAgainTicks = 60;
    const bool is_shortage = ec == asio::error::no_descriptors ||
                             ec == boost::system::errc::too_many_files_open_in_system;
    if (is_shortage && ticks_since_told_ >= kTellAgainTicks &&
        shared_->options.on_descriptors_short) {
      ticks_since_told_ = 0;
      shared_->options.on_descriptors_short(descriptors_max());
    }
  }

  [[nodiscard]] AddressCount::Key key_of(const Socket& socket) const {
    boost::system::error_code failed;
    const auto address = socket.remote_endpoint(failed).address();
    const bool counted = !failed && (shared_->options.counts_loopback || !address.is_loopback());
    return counted ? AddressCount::key_of(address) : AddressCount::kNobody;
  }

  // Counts the connection for its address unless it is refused.
  std::optional<Response> refuse(AddressCount::Key peer) {
    const HttpServerOptions& options = shared_->options;
    if (shared_->connections - shared_->refusals >= options.connections_max) {
      ++shared_->connections_refused_total_bound;
      Error error = limit_exceeded("connections_max", options.connections_max,
                                   "too many connections are open; close some or try again later");
      error.kind = "rate_limited";
      return problem_response(error, 503);
    }
    if (!shared_->addresses.add(peer, options.connections_per_address_max)) {
      ++shared_->connections_refused_address_bound;
      Error error =
          limit_exceeded("connections_per_address_max", options.connections_per_address_max,
                         "too many connections are open from this address; close some, "
                         "or send more requests over each");
      error.kind = "rate_limited";
      return problem_response(error, 429);
    }
    return std::nullopt;
  }

  std::shared_ptr<ServerShared> shared_;
  std::vector<std::shared_ptr<Loop>> loops_;
  std::unique_ptr<Acceptor> acceptor_;  // on the first loop
  std::size_t next_loop_ = 0;
  bool accept_paused_ = false;
  std::uint64_t ticks_since_told_ = std::numeric_limits<std::uint64_t>::max() / 2;
  bool stopped_ = false;
  ListenAddress address_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ListenAddress& address,
                                                      std::string_view how_to_choose,
                                                      HttpHandler& handler, Clock& clock,
                                                      HttpServerOptions options) {
  if (!options.beyond_loopback) {
    HEARTH_TRY(require_loopback(address));
  }
  auto server = std::make_unique<AsioHttpServer>(handler, clock, options);
  HEARTH_TRY(server->listen(address, how_to_choose));
  server->start();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace hearth::net
