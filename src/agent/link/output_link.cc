#include "agent/link/output_link.h"

#include <utility>
#include <vector>

#include "agent/link/link_channel.h"
#include "wire/link_codec.h"

namespace hearth::agent {
namespace {

v1::OutputUp to_proto(std::vector<OutputPiece> batch) {
  v1::OutputUp message;
  for (OutputPiece& piece : batch) {
    v1::OutputChunk& chunk = *message.add_chunks();
    wire::to_proto(piece.stream.attempt, *chunk.mutable_key());
    chunk.set_stream(static_cast<std::uint32_t>(piece.stream.stream));
    chunk.set_offset(static_cast<std::uint64_t>(piece.offset));
    chunk.set_data(std::move(piece.bytes));
  }
  return message;
}

}  // namespace

void OutputLink::open(const AgentId& agent, std::uint64_t link) {
  agent_ = agent;
  link_ = link;
  has_failed_ = false;
  connect();
}

void OutputLink::close() {
  retry_timer_.cancel();
  sender_.closed();
  retired_.take(call_);
  stub_.reset();
}

void OutputLink::grew(const OutputStreamKey& stream, std::int64_t size) {
  sender_.grew(stream, size);
  pump();
}

void OutputLink::repeat_unanswered() {
  sender_.repeat_unanswered();
  pump();
}

void OutputLink::connect() {
  auto stub = connect_to(options_);
  if (!stub) {
    ended({grpc::StatusCode::UNAVAILABLE, stub.error().message});
    return;
  }
  stub_ = std::move(*stub);
  call_ = std::make_shared<Call>(
      gate_, Call::Events{.on_message = [this](const v1::OutputDown& message) { take(message); },
                          .on_written =
                              [this] {
                                is_writing_ = false;
                                pump();
                              },
                          .on_ended = [this](const grpc::Status& status) { ended(status); }});
  call_->start([this](grpc::ClientContext* context, Call* call) {
    sign(*context, options_.credential);
    stub_->async()->Output(context, call);
  });
  is_introduced_ = false;
  is_writing_ = false;
  sender_.opened();
  pump();
}

void OutputLink::take(const v1::OutputDown& message) {
  delay_.reset();
  has_failed_ = false;
  for (const v1::OutputPosition& position : message.received()) {
    if (const Result<StreamKind> stream = wire::to_stream(position.stream())) {
      sender_.received({wire::to_model(position.key()), *stream},
                       static_cast<std::int64_t>(position.offset()));
    }
  }
  pump();
}

void OutputLink::ended(const grpc::Status& status) {
  sender_.closed();
  retired_.take(call_);
  const Duration wait = delay_.next();
  // The first is often just the way a lost connection shows first; the control stream tells then.
  deps_.log.log(has_failed_ ? LogLevel::Warn : LogLevel::Debug,
                "the controller does not take output now; it is kept and sent again",
                {{"why", status.error_message()}, {"retry_ms", wait.count()}});
  has_failed_ = true;
  retry_timer_.set(wait, [this] { connect(); });
}

void OutputLink::pump() {
  if (!call_ || is_writing_) {
    return;
  }
  v1::OutputUp message = to_proto(sender_.next_batch());
  if (is_introduced_ && message.chunks().empty()) {
    return;
  }
  if (!std::exchange(is_introduced_, true)) {
    message.set_agent(agent_.value());
    message.set_link(link_);
  }
  is_writing_ = true;
  call_->write(std::move(message));
}

}  // namespace hearth::agent
