// The part of one request that other threads may hold: the way its answer finds the connection.
// Private to net/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "net/http_loop.h"

namespace hearth::net {

class Connection;

struct Answer {
  Response head;
  std::unique_ptr<BodySource> source;  // null: head.body is the body
  std::optional<std::int64_t> length;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Loop> loop, std::weak_ptr<Connection> connection, std::uint64_t serial)
      : loop_(std::move(loop)), connection_(std::move(connection)), serial_(serial) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void answer(Answer answer);
  void wake();
  void woken() { wake_pending_ = false; }
  void run(std::function<void()> work) { loop_->post(std::move(work)); }

 private:
  void post(Answer answer, std::shared_ptr<Exchange> self);

  std::shared_ptr<Loop> loop_;
  std::weak_ptr<Connection> connection_;
  std::uint64_t serial_;
  std::atomic<bool> answered_{false};
  std::atomic<bool> wake_pending_{false};
};

}  // namespace hearth::net
