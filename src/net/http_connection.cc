#include "net/http_connection.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "net/problem.h"

namespace hearth::net {

namespace {

constexpr std::size_t kCoalesceBytes = 64 * 1024;
constexpr std::size_t kUnparsedBytesMax = 64 * 1024;
constexpr std::size_t kKeptBufferBytes = 4 * 1024;
constexpr int kStepsPerTurn = 64;

void shrink(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBufferBytes) {
    std::string().swap(buffer);
  }
}

bool has_no_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace

Connection::Connection(std::shared_ptr<Loop> loop, Socket socket)
    : loop_(std::move(loop)), socket_(std::move(socket)) {}

Connection::~Connection() {
  loop_->shared->connection_gone();
}

void Connection::start() {
  boost::system::error_code ec;
  socket_.non_blocking(true, ec);
  if (!ec) {
    socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  }
  if (ec) {
    close();
    return;
  }
  run();
}

void Connection::close() {
  if (phase_ == Phase::Closed) {
    return;
  }
  phase_ = Phase::Closed;
  loop_->wheel.disarm(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  source_.reset();
  sink_.reset();
  parser_.reset();
  stream_exchange_.reset();
  loop_->forget(shared_from_this());
}

bool Connection::keeps_alive() const {
  return keep_alive_ && !eof_ && !loop_->shared->stopping;
}

void Connection::begin_stop() {
  const auto self = shared_from_this();
  if (phase_ == Phase::Head && out_.empty() && parser_ == nullptr) {
    close();
  } else if (phase_ == Phase::Streaming && source_ != nullptr) {
    std::string last;
    source_->on_stop(last);
    append_chunk(last);
    end_stream();
    run();
  }
}

// Does as much as can be done without waiting, then arms what it waits for.
void Connection::run() {
  if (running_ || phase_ == Phase::Closed) {
    return;
  }
  running_ = true;
  const auto self = shared_from_this();
  int steps = 0;
  while (phase_ != Phase::Closed && step()) {
    if (++steps == kStepsPerTurn) {  // others on this loop get their turn
      loop_->post([self] { self->run(); });
      break;
    }
  }
  running_ = false;
  if (phase_ == Phase::Closed) {
    return;
  }
  set_deadline_for_phase();
  if (wants_read()) {
    wait_readable();
  }
}

// True when something was achieved and another step may achieve more.
bool Connection::step() {
  switch (phase_) {
    case Phase::Head:
    case Phase::Body:
      if (out_.size() < kCoalesceBytes && parse()) {
        return true;
      }
      if (eof_ && out_.empty()) {
        close();  // between requests or in the middle of one: nobody is left to answer to
        return false;
      }
      return flush();
    case Phase::Handling:
      return flush();
    case Phase::Streaming:
      return out_.empty() ? pull() : flush();
    case Phase::Closing:
      if (!out_.empty()) {
        return flush();
      }
      begin_linger();
      return false;
    case Phase::Lingering:
      shrink(in_);
      in_used_ = 0;
      if (eof_) {
        close();
      }
      return false;
    case Phase::Closed:
      return false;
  }
  return false;
}

bool Connection::parse() {
  const std::string_view rest = std::string_view(in_).substr(in_used_);
  if (rest.empty()) {
    return false;
  }
  if (parser_ == nullptr) {
    parser_ = std::make_unique<RequestParser>(loop_->shared->options.header_bytes_max);
  }
  const auto used = parser_->parse(rest);
  if (!used) {
    fail(used.error(), parser_->http_status());
    return true;
  }
  in_used_ += *used;
  if (in_used_ == in_.size()) {
    shrink(in_);
    in_used_ = 0;
  }
  if (phase_ == Phase::Head && parser_->state() != RequestParser::State::Head) {
    on_head();
    return true;
  }
  if (phase_ == Phase::Body && parser_->state() == RequestParser::State::Done) {
    dispatch();
    return true;
  }
  if (*used == 0 && rest.size() > kUnparsedBytesMax) {
    fail(invalid_argument("a chunk header of the request body is too long"), 400);
  }
  return *used > 0;
}

void Connection::on_head() {
  Request& request = parser_->request();
  is_old_ = request.version == 10;
  keep_alive_ = parser_->keep_alive() && !is_old_;
  head_only_ = request.method == "HEAD";
  BodyPlan plan = loop_->shared->handler.plan(request);
  if (plan.refuse.has_value()) {
    // What follows the head is a body nobody wants; only without one can the connection go on.
    respond(std::move(*plan.refuse), request.has_body || !keeps_alive());
    return;
  }
  sink_ = std::move(plan.sink);
  if (auto planned = parser_->plan_body(plan.bytes_max, plan.limit_name, sink_.get()); !planned) {
    fail(planned.error(), parser_->http_status());
    return;
  }
  if (parser_->state() == RequestParser::State::Done) {
    dispatch();
    return;
  }
  if (parser_->expects_continue() && in_used_ == in_.size()) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  phase_ = Phase::Body;
  body_started_tick_ = loop_->wheel.now();
}

void Connection::dispatch() {
  phase_ = Phase::Handling;
  ++serial_;
  Request request = std::move(parser_->request());
  const std::unique_ptr<BodySink> sink = std::move(sink_);
  parser_.reset();
  Responder responder(std::make_shared<Exchange>(loop_, weak_from_this(), serial_));
  if (sink != nullptr) {
    sink->finish(std::move(request), std::move(responder));
  } else {
    loop_->shared->handler.handle(std::move(request), std::move(responder));
  }
}

void Connection::deliver(std::uint64_t serial, Answer answer, std::shared_ptr<Exchange> exchange) {
  if (serial != serial_ || phase_ != Phase::Handling) {
    return;
  }
  if (answer.source != nullptr) {
    stream_exchange_ = std::move(exchange);
    begin_stream(std::move(answer));
  } else {
    respond(std::move(answer.head), !keeps_alive());
  }
  run();
}

void Connection::respond(Response response, bool close_after) {
  const auto status_class = static_cast<std::size_t>(std::clamp(response.status / 100, 1, 5) - 1);
  ++loop_->shared->responses.at(status_class);
  std::string framing;
  if (!has_no_body(response.status)) {
    framing = "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  } else {
    response.content_type.clear();
  }
  append_head(out_, response, framing, loop_->date, !close_after);
  if (!head_only_ && !has_no_body(response.status)) {
    out_ += response.body;
  }
  end_answer(close_after);
}

// For requests that cannot be understood or finished: what follows on the connection is unknown.
void Connection::fail(const Error& error, int status) {
  sink_.reset();
  respond(problem_response(error, status), true);
}

void Connection::end_answer(bool close_after) {
  parser_.reset();
  head_only_ = false;
  phase_ = close_after ? Phase::Closing : Phase::Head;
  deadline_ = Deadline::None;  // the next request has its own time
}

void Connection::begin_stream(Answer answer) {
  const auto status_class =
      static_cast<std::size_t>(std::clamp(answer.head.status / 100, 1, 5) - 1);
  ++loop_->shared->responses.at(status_class);
  length_left_ = answer.length.value_or(-1);
  // HTTP/1.0 knows no chunks: there the end of the connection ends the body.
  std::string framing;
  chunked_ = !answer.length.has_value() && !is_old_;
  if (chunked_) {
    framing = "Transfer-Encoding: chunked\r\n";
  } else if (answer.length.has_value()) {
    framing = "Content-Length: " + std::to_string(*answer.length) + "\r\n";
  }
  append_head(out_, answer.head, framing, loop_->date, keeps_alive());
  phase_ = Phase::Streaming;
  if (head_only_) {
    stream_exchange_.reset();
    end_answer(!keeps_alive());
    return;
  }
  source_ = std::move(answer.source);
  pull_wanted_ = true;
  if (loop_->shared->stopping) {
    begin_stop();
  }
}

void Connection::append_chunk(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  if (!chunked_ && length_left_ < 0) {
    out_ += bytes;
    return;
  }
  if (!chunked_) {
    // A source that gives more than it announced must not be taken for the next answer.
    bytes = bytes.substr(0, static_cast<std::size_t>(length_left_));
    length_left_ -= static_cast<std::int64_t>(bytes.size());
    out_ += bytes;
    return;
  }
  std::array<char, 16> size{};
  const auto [end, status] =
      std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16);
  out_.append(size.data(), end);
  out_ += "\r\n";
  out_ += bytes;
  out_ += "\r\n";
}

bool Connection::pull() {
  if (!pull_wanted_) {
    if (eof_) {
      close();
    }
    return false;
  }
  if (stream_exchange_ != nullptr) {
    stream_exchange_->wake_pending_ = false;
  }
  std::string bytes;
  const auto pulled = source_->pull(bytes, loop_->shared->options.stream_chunk_bytes);
  append_chunk(bytes);
  pull_wanted_ = pulled == BodySource::Pull::More;
  if (pulled == BodySource::Pull::End) {
    end_stream();
  }
  return true;
}

void Connection::end_stream() {
  source_.reset();
  stream_exchange_.reset();
  bool close_after = !keeps_alive();
  if (chunked_) {
    out_ += "0\r\n\r\n";
  } else if (length_left_ > 0) {
    close_after = true;  // the announced length was not reached: only the end can say so
  }
  end_answer(close_after);
}

void Connection::wake(std::uint64_t serial) {
  if (serial == serial_ && phase_ == Phase::Streaming && source_ != nullptr) {
    pull_wanted_ = true;
    run();
  }
}

// True when all of out_ was sent just now.
bool Connection::flush() {
  if (out_.empty() || writing_) {
    return false;
  }
  while (out_sent_ < out_.size()) {
    boost::system::error_code ec;
    const std::size_t sent =
        socket_.write_some(asio::buffer(out_.data() + out_sent_, out_.size() - out_sent_), ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) {
      wait_writable();
      return false;
    }
    if (ec) {
      close();
      return false;
    }
    out_sent_ += sent;
    loop_->shared->bytes_sent += static_cast<std::int64_t>(sent);
  }
  shrink(out_);
  out_sent_ = 0;
  return true;
}

// Sends our end and reads the peer's away for a while: closing with unread bytes would reset the
// connection and could take the answer with it.
void Connection::begin_linger() {
  boost::system::error_code ec;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  phase_ = Phase::Lingering;
  if (ec || eof_) {
    close();
  }
}

bool Connection::wants_read() const {
  if (reading_ || eof_) {
    return false;
  }
  if (phase_ == Phase::Closing) {
    return false;
  }
  if (phase_ == Phase::Head || phase_ == Phase::Body) {
    return out_.size() < kCoalesceBytes;
  }
  return in_.size() - in_used_ < kUnparsedBytesMax;  // only to see the peer leave
}

void Connection::wait_readable() {
  reading_ = true;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& ec) {
                       self->reading_ = false;
                       if (!ec && self->phase_ != Phase::Closed) {
                         self->read();
                       }
                     });
}

void Connection::wait_writable() {
  writing_ = true;
  set_deadline(Deadline::Write, loop_->shared->options.write_ticks, true);
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& ec) {
                       self->writing_ = false;
                       if (!ec) {
                         self->run();
                       }
                     });
}

void Connection::read() {
  boost::system::error_code ec;
  const std::size_t received = socket_.read_some(asio::buffer(loop_->read_buffer), ec);
  if (ec == asio::error::would_block || ec == asio::error::try_again) {
    wait_readable();
    return;
  }
  if (ec && ec != asio::error::eof) {
    close();
    return;
  }
  eof_ = ec == asio::error::eof;
  if (in_used_ > kUnparsedBytesMax / 2) {
    in_.erase(0, in_used_);
    in_used_ = 0;
  }
  if (phase_ != Phase::Lingering) {
    in_.append(loop_->read_buffer.data(), received);
  }
  run();
}

void Connection::set_deadline(Deadline kind, std::uint64_t ticks, bool renew) {
  if (kind == deadline_ && !renew) {
    return;
  }
  deadline_ = kind;
  loop_->wheel.arm(*this, ticks);
}

void Connection::set_deadline_for_phase() {
  const HttpServerOptions& options = loop_->shared->options;
  if (writing_) {
    return;  // set when the socket was found full
  }
  switch (phase_) {
    case Phase::Head:
      if (parser_ != nullptr) {
        set_deadline(Deadline::Head, options.head_ticks, false);
      } else {
        set_deadline(Deadline::Idle, options.idle_ticks, true);
      }
      return;
    case Phase::Body:
      set_deadline(Deadline::Body, options.body_ticks, false);
      return;
    case Phase::Streaming:
      set_deadline(Deadline::Quiet, options.keep_alive_ticks, true);
      return;
    case Phase::Closing:
    case Phase::Lingering:
      set_deadline(Deadline::Linger, options.linger_ticks, false);
      return;
    case Phase::Handling:
    case Phase::Closed:
      deadline_ = Deadline::None;
      loop_->wheel.disarm(*this);
      return;
  }
}

void Connection::on_deadline() {
  const auto self = shared_from_this();
  const HttpServerOptions& options = loop_->shared->options;
  const Deadline kind = deadline_;
  deadline_ = Deadline::None;
  switch (kind) {
    case Deadline::Head:
      fail(Error{.code = ErrorCode::DeadlineExceeded,
                 .message = "the request head did not arrive in time; send it at once"},
           408);
      run();
      return;
    case Deadline::Body: {
      const std::uint64_t allowed =
          options.body_ticks +
          static_cast<std::uint64_t>(parser_->body_bytes() / options.body_bytes_per_tick);
      const std::uint64_t spent = loop_->wheel.now() - body_started_tick_;
      if (spent < allowed) {
        set_deadline(Deadline::Body, allowed - spent, true);
        return;
      }
      fail(Error{.code = ErrorCode::DeadlineExceeded,
                 .message = "the request body arrives too slowly; send it faster or in parts"},
           408);
      run();
      return;
    }
    case Deadline::Quiet:
      if (source_ != nullptr && out_.empty()) {
        std::string bytes;
        source_->on_quiet(bytes);
        append_chunk(bytes);
      }
      run();
      return;
    case Deadline::Idle:
    case Deadline::Write:
    case Deadline::Linger:
      close();
      return;
    case Deadline::None:
      return;
  }
}

Exchange::~Exchange() {
  if (!answered_) {
    Answer answer;
    answer.head = problem_response(internal_error("the request was dropped without an answer"));
    post(std::move(answer), nullptr);
  }
}

void Exchange::answer(Answer answer) {
  if (!answered_.exchange(true)) {
    auto self = answer.source != nullptr ? shared_from_this() : nullptr;
    post(std::move(answer), std::move(self));
  }
}

void Exchange::post(Answer answer, std::shared_ptr<Exchange> self) {
  if (loop_->in_thread()) {
    if (const auto connection = connection_.lock()) {
      connection->deliver(serial_, std::move(answer), std::move(self));
    }
    return;
  }
  auto shared_answer = std::make_shared<Answer>(std::move(answer));
  loop_->post([connection = connection_, serial = serial_, shared_answer,
               exchange = std::move(self)]() mutable {
    if (const auto target = connection.lock()) {
      target->deliver(serial, std::move(*shared_answer), std::move(exchange));
    }
  });
}

void Exchange::wake() {
  if (wake_pending_.exchange(true)) {
    return;
  }
  loop_->post([connection = connection_, serial = serial_] {
    if (const auto target = connection.lock()) {
      target->wake(serial);
    }
  });
}

}  // namespace hearth::net
