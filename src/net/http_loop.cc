#include "net/http_loop.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

#include "net/http_connection.h"
#include "net/problem.h"

namespace hearth::net {

namespace {

constexpr std::size_t kReadBufferBytes = 64 * 1024;
constexpr std::size_t kWakesPerTurn = 64;

std::string http_date(TimePoint time) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                kDays.at(std::chrono::weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
                kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

}  // namespace

void ServerShared::connection_gone(AddressCount::Key peer, bool was_refused) {
  addresses.remove(peer);
  if (was_refused) {
    --refusals;
  }
  const MutexLock lock(gone_mutex);
  if (--connections == 0) {
    gone.notify_all();
  }
}

Loop::Loop(std::shared_ptr<ServerShared> shared_state)
    : read_buffer(kReadBufferBytes), shared(std::move(shared_state)), ticker_(io) {
  renew_date();
}

Loop::~Loop() {
  shut_down();
}

void Loop::start() {
  if (shared->options.tick.count() > 0) {
    arm_ticker();
  }
  thread_ = std::thread([this] {
    thread_id_ = std::this_thread::get_id();
    const auto guard = asio::make_work_guard(io);
    io.run();
  });
}

void Loop::post(std::function<void()> work) {
  const MutexLock lock(mutex_);
  if (!closed_) {
    asio::post(io, std::move(work));
  }
}

void Loop::wake(Wake wake) {
  {
    const MutexLock lock(mutex_);
    if (closed_) {
      return;
    }
    wakes_.push_back(std::move(wake));
    if (std::exchange(waking_posted_, true)) {
      return;
    }
  }
  // Without the lock, which wake_some() wants at once. After shut_down it is never run.
  asio::post(io, [this] { wake_some(); });
}

// A few in each turn: an event that concerns thousands must not hold up who asks meanwhile.
void Loop::wake_some() {
  if (waking_next_ == waking_.size()) {
    waking_.clear();
    waking_next_ = 0;
    const MutexLock lock(mutex_);
    waking_.swap(wakes_);
  }
  const std::size_t end = std::min(waking_.size(), waking_next_ + kWakesPerTurn);
  for (; waking_next_ < end; ++waking_next_) {
    if (const auto connection = waking_[waking_next_].connection.lock()) {
      connection->wake(waking_[waking_next_].serial);
    }
  }
  const MutexLock lock(mutex_);
  waking_posted_ = !closed_ && (waking_next_ < waking_.size() || !wakes_.empty());
  if (waking_posted_) {
    asio::post(io, [this] { wake_some(); });
  }
}

void Loop::arm_ticker() {
  ticker_.expires_after(shared->options.tick);
  ticker_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) {
      advance();
      arm_ticker();
    }
  });
}

void Loop::renew_date() {
  date = http_date(shared->clock.now());
}

void Loop::advance() {
  renew_date();
  wheel.advance();
  if (on_tick) {
    on_tick();
  }
}

void Loop::adopt(Socket socket, AddressCount::Key peer, std::optional<Response> refusal) {
  if (shared->stopping) {
    shared->connection_gone(peer, refusal.has_value());
    return;
  }
  auto connection =
      std::make_shared<Connection>(shared_from_this(), std::move(socket), peer, std::move(refusal));
  connections_.insert(connection);
  connection->start();
}

void Loop::forget(const std::shared_ptr<Connection>& connection) {
  connections_.erase(connection);
}

std::shared_ptr<const tls::Context> Loop::tls_context() const {
  return shared->options.tls == nullptr ? nullptr : shared->options.tls->current()->context;
}

std::list<Connection*>::iterator Loop::handshake_began(Connection& connection) {
  const auto most = std::max<std::int64_t>(
      1, shared->options.handshakes_max / std::max(shared->options.threads, 1));
  if (static_cast<std::int64_t>(handshakes_.size()) >= most) {
    ++shared->handshakes_dropped;
    handshakes_.front()->drop_handshake();
  }
  ++shared->handshakes;
  return handshakes_.insert(handshakes_.end(), &connection);
}

void Loop::begin_stop() {
  const auto all = connections_;
  for (const auto& connection : all) {
    connection->begin_stop();
  }
}

void Loop::shut_down() {
  {
    const MutexLock lock(mutex_);
    if (closed_) {
      return;
    }
    closed_ = true;
    asio::post(io, [this] {
      ticker_.cancel();
      const auto all = connections_;
      for (const auto& connection : all) {
        connection->close();
      }
      io.stop();
    });
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  // Handlers that were cancelled still hold their connections; let them go while the io_context
  // lives.
  io.restart();
  io.poll();
}

}  // namespace hearth::net
