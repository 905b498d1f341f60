// The half of Connection that moves bytes and minds the time.
#include "net/http_connection.h"
#include "net/problem.h"

namespace hearth::net {

namespace {

using tls::Io;

// A slow client is told which of the server's times it passed.
Error too_slow(std::string_view limit, std::uint64_t seconds, std::string message) {
  return Error{.code = ErrorCode::DeadlineExceeded,
               .message = std::move(message),
               .limit = std::string(limit),
               .limit_value = static_cast<std::int64_t>(seconds)};
}

std::uint64_t extra_ticks(std::size_t bytes, const HttpServerOptions& options) {
  return bytes / static_cast<std::size_t>(options.bytes_per_tick_min);
}

}  // namespace

bool Connection::shake_hands() {
  if (wire_.begins_like_http()) {
    wire_.stay_plain();
    end_handshake();
    phase_ = Phase::Head;
    fail(Error{.code = ErrorCode::InvalidArgument,
               .message = "this port speaks TLS; ask with https:// instead of http://",
               .kind = "invalid_request"},
         400);
    return true;
  }
  switch (wire_.handshake()) {
    case Io::Done:
      end_handshake();
      begin_requests();
      return true;
    case Io::WantWrite:
      wait_writable();
      return false;
    case Io::WantRead:
      return false;
    case Io::End:
    case Io::Broken:
      ++loop_->shared->handshakes_failed;
      end_handshake();
      begin_linger();  // so that the alert arrives
      return false;
  }
  return false;
}

void Connection::end_handshake() {
  if (handshake_) {
    loop_->handshake_ended(*handshake_);
    handshake_.reset();
  }
}

void Connection::drop_handshake() {
  ++loop_->shared->handshakes_failed;
  close();
}

void Connection::begin_requests() {
  phase_ = Phase::Head;
  if (refusal_ != nullptr) {
    respond(std::move(*refusal_), true);
    refusal_.reset();
  }
}

// Several connections may be in the middle of an answer: who comes first has the loop's buffer, the
// others make their own.
void Connection::borrow_out() {
  if (out_.empty() && out_.capacity() < loop_->spare_out.capacity()) {
    out_.swap(loop_->spare_out);
    out_.clear();
  }
}

// What the peer has not taken yet stays, in no more space than it needs.
void Connection::give_back_out() {
  std::string rest = out_.substr(out_sent_);
  out_sent_ = 0;
  if (out_.capacity() <= kSpareBytesMax && loop_->spare_out.capacity() < out_.capacity()) {
    loop_->spare_out = std::move(out_);
  }
  out_ = std::move(rest);
}

// True when all of out_ was sent just now.
bool Connection::flush() {
  if (out_.empty() || writing_) {
    return false;
  }
  while (out_sent_ < out_.size()) {
    const tls::Moved moved = wire_.write(std::string_view(out_).substr(out_sent_));
    if (moved.io == Io::WantWrite) {
      if (out_.capacity() <= kSpareBytesMax) {
        give_back_out();  // a large answer is not copied each time its reader takes some
      }
      wait_writable();
      return false;
    }
    if (moved.io != Io::Done) {
      close();
      return false;
    }
    out_sent_ += moved.bytes;
    loop_->shared->bytes_sent += static_cast<std::int64_t>(moved.bytes);
  }
  give_back_out();
  if (deadline_ == Deadline::Write) {
    deadline_ = Deadline::None;  // the next has its own time
  }
  return true;
}

// Sends our end and reads the peer's away for a while: closing with unread bytes would reset the
// connection and could take the answer with it.
void Connection::begin_linger() {
  phase_ = Phase::Lingering;
  if (!wire_.finish_sending() || eof_) {
    close();
  }
}

void Connection::linger() {
  for (;;) {
    const Io io = wire_.discard(loop_->read_buffer);
    if (io == Io::WantRead) {
      wait_readable();
      return;
    }
    if (io != Io::Done) {
      close();
      return;
    }
  }
}

bool Connection::wants_read() const {
  if (reading_ || eof_) {
    return false;
  }
  switch (phase_) {
    case Phase::Closing:
      return false;
    case Phase::Handshake:
      return !writing_;
    case Phase::Head:
    case Phase::Body:
      return out_.size() < kCoalesceBytes;
    default:
      return in_.size() - in_used_ < kUnparsedBytesMax;  // only to see the peer leave
  }
}

void Connection::wait_readable() {
  reading_ = true;
  wire_.wait_readable([self = shared_from_this()](const boost::system::error_code& ec) {
    self->reading_ = false;
    if (!ec && self->phase_ != Phase::Closed) {
      self->read();
    }
  });
}

void Connection::wait_writable() {
  writing_ = true;
  if (phase_ != Phase::Handshake) {
    const HttpServerOptions& options = loop_->shared->options;
    set_deadline(Deadline::Write, options.write_ticks + extra_ticks(out_.size(), options), false);
  }
  wire_.wait_writable([self = shared_from_this()](const boost::system::error_code& ec) {
    self->writing_ = false;
    if (!ec) {
      self->run();
    }
  });
}

void Connection::read() {
  if (phase_ == Phase::Handshake) {
    run();
    return;
  }
  if (phase_ == Phase::Lingering) {
    linger();
    return;
  }
  const tls::Moved moved = wire_.read(loop_->read_buffer);
  if (moved.io == Io::WantRead || moved.io == Io::WantWrite) {
    wait_readable();
    return;
  }
  if (moved.io == Io::Broken) {
    close();
    return;
  }
  eof_ = moved.io == Io::End;
  if (in_used_ > kUnparsedBytesMax / 2) {
    in_.erase(0, in_used_);
    in_used_ = 0;
  }
  loop_->shared->bytes_received += static_cast<std::int64_t>(moved.bytes);
  in_.append(loop_->read_buffer.data(), moved.bytes);
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
  if (phase_ == Phase::Handshake) {
    set_deadline(Deadline::Handshake, options.handshake_ticks, false);
    return;
  }
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
    case Phase::Handshake:
    case Phase::Handling:
    case Phase::Closed:
      deadline_ = Deadline::None;
      loop_->wheel.disarm(*this);
      return;
  }
}

// A body's deadline may only be a look at how far it has come.
void Connection::count_too_slow(Deadline kind) {
  const auto wait = [kind]() -> std::optional<std::size_t> {
    switch (kind) {
      case Deadline::Handshake:
        return 0;
      case Deadline::Idle:
        return 1;
      case Deadline::Head:
        return 2;
      case Deadline::Write:
        return 4;
      default:
        return std::nullopt;
    }
  }();
  if (wait) {
    ++loop_->shared->too_slow.at(*wait);
  }
}

void Connection::on_deadline() {
  const auto self = shared_from_this();
  const HttpServerOptions& options = loop_->shared->options;
  const Deadline kind = deadline_;
  deadline_ = Deadline::None;
  count_too_slow(kind);
  switch (kind) {
    case Deadline::Head:
      fail(too_slow("http_head_seconds", options.head_ticks,
                    "the request head did not arrive in time; send it at once"),
           408);
      run();
      return;
    case Deadline::Body:
      on_body_deadline();
      return;
    case Deadline::Quiet:
      if (source_ != nullptr && out_.empty()) {
        std::string bytes;
        source_->on_quiet(bytes);
        framing_.append(out_, bytes);
      }
      run();
      return;
    case Deadline::Handshake:
      drop_handshake();
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

void Connection::on_body_deadline() {
  const HttpServerOptions& options = loop_->shared->options;
  const auto received = static_cast<std::size_t>(parser_->body_bytes());
  const std::uint64_t allowed = options.body_ticks + extra_ticks(received, options);
  const std::uint64_t spent = loop_->wheel.now() - body_started_tick_;
  if (spent < allowed) {
    set_deadline(Deadline::Body, allowed - spent, true);
    return;
  }
  ++loop_->shared->too_slow.at(3);
  fail(too_slow("http_body_seconds", options.body_ticks,
                "the request body arrives too slowly; send it faster or in parts"),
       408);
  run();
}

}  // namespace hearth::net
