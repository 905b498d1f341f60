// One client connection: bytes in, requests to the handler one after the other, answers out in the
// same order. All of it runs on the loop's thread; only Exchange is shared with others.
//
// Reading waits for readiness instead of holding a buffer, writing is tried at once and waits only
// when the socket is full, so an idle connection costs no buffer and a small answer one system
// call. Answers to pipelined requests are sent together. Every wait for the peer has a deadline.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/body_framing.h"
#include "net/exchange.h"
#include "net/http_loop.h"
#include "net/request_parser.h"
#include "net/wire.h"

namespace hearth::net {

class Connection final : public std::enable_shared_from_this<Connection>, TimerWheel::Entry {
 public:
  // `refusal`: all that the client will ever be told.
  Connection(std::shared_ptr<Loop> loop, Socket socket, AddressCount::Key peer,
             std::optional<Response> refusal);
  ~Connection() override;

  void start();
  void begin_stop();
  void close();
  // For one that has taken longer than the others to shake hands.
  void drop_handshake();
  // The answer to request number `serial`; ignored when it is over already.
  void deliver(std::uint64_t serial, Answer answer, std::shared_ptr<Exchange> exchange);
  void wake(std::uint64_t serial);

 private:
  enum class Phase { Handshake, Head, Body, Handling, Streaming, Closing, Lingering, Closed };
  enum class Deadline { None, Handshake, Idle, Head, Body, Write, Quiet, Linger };

  void run();
  bool step();

  // http_connection.cc: requests and answers.
  bool parse();
  void on_head();
  void dispatch();
  void respond(Response response, bool close_after);
  void fail(const Error& error, int status);
  void begin_stream(Answer answer);
  bool pull();
  void end_stream();
  void drop_source();
  void end_answer(bool close_after);
  void count_answer(const Response& head);
  [[nodiscard]] bool keeps_alive() const;

  // http_connection_io.cc: bytes and time.
  void borrow_out();
  void give_back_out();
  bool shake_hands();
  void end_handshake();
  void begin_requests();
  bool flush();
  void begin_linger();
  void linger();
  void read();
  void wait_readable();
  void wait_writable();
  [[nodiscard]] bool wants_read() const;
  void set_deadline(Deadline kind, std::uint64_t ticks, bool renew);
  void set_deadline_for_phase();
  void on_deadline() override;
  void count_too_slow(Deadline kind);
  void on_body_deadline();

  std::shared_ptr<Loop> loop_;
  Wire wire_;
  const AddressCount::Key peer_;
  std::unique_ptr<Response> refusal_;
  const bool is_refused_;
  std::optional<std::list<Connection*>::iterator> handshake_;  // its place among those under way
  Phase phase_ = Phase::Head;
  Deadline deadline_ = Deadline::None;
  std::uint64_t body_started_tick_ = 0;
  std::int64_t planned_ns_ = -1;  // when the handler saw the head; below 0: it saw none
  std::size_t route_ = kNoRoute;
  bool running_ = false;
  bool reading_ = false;  // a readiness wait is under way
  bool writing_ = false;  // likewise: the socket is full
  bool eof_ = false;
  bool keep_alive_ = true;
  bool is_old_ = false;     // HTTP/1.0
  bool head_only_ = false;  // the request is a HEAD
  bool pull_wanted_ = false;
  std::uint64_t serial_ = 0;
  BodyFraming framing_;
  std::string address_;  // the peer's, as text
  std::string in_;
  std::size_t in_used_ = 0;
  std::string out_;
  std::size_t out_sent_ = 0;
  std::unique_ptr<RequestParser> parser_;
  std::unique_ptr<BodySink> sink_;
  std::unique_ptr<BodySource> source_;
  std::shared_ptr<Exchange> stream_exchange_;
};

// Buffers of a connection that goes idle are given back above this size.
void shrink(std::string& buffer);

inline constexpr std::size_t kCoalesceBytes = 64 * 1024;
// A loop keeps no larger buffer for the next connection: it was for a large answer.
inline constexpr std::size_t kSpareBytesMax = 256 * 1024;
inline constexpr std::size_t kUnparsedBytesMax = 64 * 1024;

}  // namespace hearth::net
