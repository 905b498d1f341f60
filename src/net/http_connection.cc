#include "net/http_connection.h"

#include <algorithm>
#include <utility>

#include "net/problem.h"

namespace hearth::net {

namespace {

constexpr std::size_t kKeptBufferBytes = 4 * 1024;
constexpr int kStepsPerTurn = 64;

bool has_no_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace

void shrink(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBufferBytes) {
    std::string().swap(buffer);
  }
}

Connection::Connection(std::shared_ptr<Loop> loop, Socket socket, AddressCount::Key peer,
                       std::optional<Response> refusal)
    : loop_(std::move(loop)),
      wire_(std::move(socket)),
      peer_(peer),
      refusal_(refusal ? std::make_unique<Response>(std::move(*refusal)) : nullptr),
      is_refused_(refusal_ != nullptr) {}

Connection::~Connection() {
  loop_->shared->connection_gone(peer_, is_refused_);
}

void Connection::start() {
  address_ = wire_.peer();
  const std::shared_ptr<const tls::Context> context = loop_->tls_context();
  if (!wire_.open(context.get())) {
    close();
    return;
  }
  if (wire_.in_tls()) {
    phase_ = Phase::Handshake;
    handshake_ = loop_->handshake_began(*this);
  } else {
    begin_requests();
  }
  run();
}

void Connection::close() {
  if (phase_ == Phase::Closed) {
    return;
  }
  phase_ = Phase::Closed;
  loop_->wheel.disarm(*this);
  end_handshake();
  wire_.close();
  drop_source();
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
  const bool idle = phase_ == Phase::Head && out_.empty() && parser_ == nullptr;
  if (idle || phase_ == Phase::Handshake) {
    close();
  } else if (phase_ == Phase::Streaming && source_ != nullptr) {
    std::string last;
    source_->on_stop(last);
    framing_.append(out_, last);
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
    case Phase::Handshake:
      return shake_hands();
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
  request.peer = address_;
  is_old_ = request.version == 10;
  keep_alive_ = parser_->keep_alive() && !is_old_;
  head_only_ = request.method == "HEAD";
  planned_ns_ = loop_->shared->clock.monotonic_ns();
  BodyPlan plan = loop_->shared->handler.plan(request);
  route_ = plan.route;
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
  count_answer(response);
  borrow_out();
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

void Connection::count_answer(const Response& head) {
  ServerShared& shared = *loop_->shared;
  ++shared.responses.at(static_cast<std::size_t>(std::clamp(head.status / 100, 1, 5) - 1));
  shared.handler.answered({.route = std::exchange(route_, kNoRoute),
                           .status = head.status,
                           .limit = head.limit,
                           .ns = planned_ns_ < 0 ? -1 : shared.clock.monotonic_ns() - planned_ns_});
  planned_ns_ = -1;
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
  count_answer(answer.head);
  framing_ = BodyFraming(answer.length, is_old_);
  borrow_out();
  append_head(out_, answer.head, framing_.field(), loop_->date, keeps_alive());
  phase_ = Phase::Streaming;
  if (head_only_) {
    stream_exchange_.reset();
    end_answer(!keeps_alive());
    return;
  }
  source_ = std::move(answer.source);
  ++loop_->shared->streams;
  pull_wanted_ = true;
  if (loop_->shared->stopping) {
    begin_stop();
  }
}

bool Connection::pull() {
  if (!pull_wanted_) {
    if (eof_) {
      close();
    }
    return false;
  }
  if (stream_exchange_ != nullptr) {
    stream_exchange_->woken();
  }
  borrow_out();
  std::string bytes = std::move(loop_->spare_pull);
  bytes.clear();
  const auto pulled = source_->pull(bytes, loop_->shared->options.stream_chunk_bytes);
  framing_.append(out_, bytes);
  if (bytes.capacity() <= kSpareBytesMax) {
    loop_->spare_pull = std::move(bytes);
  }
  pull_wanted_ = pulled == BodySource::Pull::More;
  if (pulled == BodySource::Pull::End) {
    end_stream();
  }
  return true;
}

void Connection::drop_source() {
  if (source_ != nullptr) {
    source_.reset();
    --loop_->shared->streams;
  }
}

void Connection::end_stream() {
  drop_source();
  stream_exchange_.reset();
  const bool told = framing_.finish(out_);
  end_answer(!told || !keeps_alive());
}

void Connection::wake(std::uint64_t serial) {
  if (serial == serial_ && phase_ == Phase::Streaming && source_ != nullptr) {
    pull_wanted_ = true;
    run();
  }
}

}  // namespace hearth::net
