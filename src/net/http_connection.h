// One client connection: bytes in, requests to the handler one after the other, answers out in the
// same order. All of it runs on the loop's thread; only Exchange is shared with others.
//
// Reading waits for readiness instead of holding a buffer, writing is tried at once and waits only
// when the socket is full, so an idle connection costs no buffer and a small answer one system
// call. Answers to pipelined requests are sent together.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_loop.h"
#include "net/request_parser.h"

namespace hearth::net {

struct Answer {
  Response head;
  std::unique_ptr<BodySource> source;  // null: head.body is the body
  std::optional<std::int64_t> length;
};

class Connection final : public std::enable_shared_from_this<Connection>, TimerWheel::Entry {
 public:
  Connection(std::shared_ptr<Loop> loop, Socket socket);
  ~Connection() override;

  void start();
  void begin_stop();
  void close();
  // The answer to request number `serial`; ignored when it is over already.
  void deliver(std::uint64_t serial, Answer answer, std::shared_ptr<Exchange> exchange);
  void wake(std::uint64_t serial);

 private:
  enum class Phase { Head, Body, Handling, Streaming, Closing, Lingering, Closed };
  enum class Deadline { None, Idle, Head, Body, Write, Quiet, Linger };

  void run();
  bool step();
  bool parse();
  void on_head();
  void dispatch();
  void respond(Response response, bool close_after);
  void fail(const Error& error, int status);
  void begin_stream(Answer answer);
  bool pull();
  void append_chunk(std::string_view bytes);
  void end_stream();
  void end_answer(bool close_after);
  bool flush();
  void begin_linger();
  void wait_readable();
  void wait_writable();
  void read();
  void set_deadline(Deadline kind, std::uint64_t ticks, bool renew);
  void set_deadline_for_phase();
  void on_deadline() override;
  [[nodiscard]] bool wants_read() const;
  [[nodiscard]] bool keeps_alive() const;

  std::shared_ptr<Loop> loop_;
  Socket socket_;
  Phase phase_ = Phase::Head;
  Deadline deadline_ = Deadline::None;
  std::uint64_t body_started_tick_ = 0;
  bool running_ = false;
  bool reading_ = false;  // a readiness wait is under way
  bool writing_ = false;  // likewise: the socket is full
  bool eof_ = false;
  bool keep_alive_ = true;
  bool is_old_ = false;     // HTTP/1.0
  bool head_only_ = false;  // the request is a HEAD
  bool chunked_ = false;
  bool pull_wanted_ = false;
  std::uint64_t serial_ = 0;
  std::int64_t length_left_ = -1;
  std::string in_;
  std::size_t in_used_ = 0;
  std::string out_;
  std::size_t out_sent_ = 0;
  std::unique_ptr<RequestParser> parser_;
  std::unique_ptr<BodySink> sink_;
  std::unique_ptr<BodySource> source_;
  std::shared_ptr<Exchange> stream_exchange_;
};

// The part of one request that other threads may hold.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Loop> loop, std::weak_ptr<Connection> connection, std::uint64_t serial)
      : loop_(std::move(loop)), connection_(std::move(connection)), serial_(serial) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void answer(Answer answer);
  void wake();
  void run(std::function<void()> work) { loop_->post(std::move(work)); }

 private:
  friend class Connection;
  void post(Answer answer, std::shared_ptr<Exchange> self);

  std::shared_ptr<Loop> loop_;
  std::weak_ptr<Connection> connection_;
  std::uint64_t serial_;
  std::atomic<bool> answered_{false};
  std::atomic<bool> wake_pending_{false};
};

}  // namespace hearth::net
