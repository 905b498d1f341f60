#include "front/agentlink/control_connection.h"

#include <string_view>
#include <utility>

#include "wire/link_codec.h"
#include "wire/telemetry_codec.h"

namespace hearth::front::agentlink {

void ControlConnection::welcome(const core::Welcome& welcome) {
  v1::ControllerMessage message;
  v1::WelcomeMessage& out = *message.mutable_welcome();
  out.set_controller_epoch(welcome.controller_epoch);
  out.set_link(welcome.link);
  for (const AttemptKey& key : welcome.keep) {
    wire::to_proto(key, *out.add_keep());
  }
  for (const AttemptKey& key : welcome.stop) {
    wire::to_proto(key, *out.add_stop());
  }
  {
    const MutexLock lock(mutex_);
    if (deps_ == nullptr) {
      return;
    }
    out.set_heartbeat_interval_ms(deps_->options.heartbeat_interval.count());
    // Before the agent can know its link: its output stream names it at once.
    deps_->table.add(welcome.link, welcome.agent);
  }
  send(std::move(message));
}

void ControlConnection::reject(const Error& error) {
  v1::ControllerMessage message;
  message.mutable_reject()->set_code(error.kind.empty() ? std::string(to_string(error.code))
                                                        : error.kind);
  message.mutable_reject()->set_message(error.message);
  send(std::move(message));
  close(grpc::Status::OK);
}

void ControlConnection::assign(const AttemptKey& key, std::string spec, std::string secrets) {
  v1::ControllerMessage message;
  wire::to_proto(key, *message.mutable_assign()->mutable_key());
  message.mutable_assign()->set_spec(std::move(spec));
  message.mutable_assign()->set_secrets(std::move(secrets));
  send(std::move(message));
}

void ControlConnection::cancel(const AttemptKey& key) {
  v1::ControllerMessage message;
  wire::to_proto(key, *message.mutable_cancel());
  send(std::move(message));
}

void ControlConnection::stop(const AttemptKey& key) {
  v1::ControllerMessage message;
  wire::to_proto(key, *message.mutable_stop());
  send(std::move(message));
}

void ControlConnection::ack(const AttemptKey& key, bool finished, bool accepted) {
  v1::ControllerMessage message;
  wire::to_proto(key, *message.mutable_ack()->mutable_key());
  message.mutable_ack()->set_finished(finished);
  message.mutable_ack()->set_accepted(accepted);
  send(std::move(message));
}

void ControlConnection::drain() {
  v1::ControllerMessage message;
  message.mutable_drain();
  send(std::move(message));
}

void ControlConnection::heartbeat_wanted(Duration interval) {
  v1::ControllerMessage message;
  message.mutable_heartbeat_wanted()->set_interval_ms(static_cast<std::uint64_t>(interval.count()));
  send(std::move(message));
}

void ControlConnection::telemetry_wanted(Duration interval) {
  v1::ControllerMessage message;
  message.mutable_telemetry_wanted()->set_interval_ms(static_cast<std::uint64_t>(interval.count()));
  send(std::move(message));
}

void ControlConnection::telemetry_query(std::uint64_t id, const TelemetryQuery& query) {
  v1::ControllerMessage message;
  message.mutable_telemetry_query()->set_id(id);
  wire::to_proto(query, *message.mutable_telemetry_query());
  send(std::move(message));
}

void ControlConnection::send(v1::ControllerMessage message) {
  const MutexLock lock(mutex_);
  if (deps_ == nullptr || closing_) {
    return;
  }
  message.set_controller_epoch(deps_->api.controller_epoch());
  const auto bytes = static_cast<std::int64_t>(message.ByteSizeLong());
  const bool is_full =
      static_cast<std::int64_t>(queue_.size()) >= deps_->options.queue_messages_max;
  if (is_full || queue_bytes_ + bytes > deps_->options.queue_bytes_max) {
    deps_->counts.refused.count(is_full ? "kLinkQueueMessagesMax" : "kLinkQueueBytesMax");
    cut_locked({grpc::StatusCode::RESOURCE_EXHAUSTED,
                "the agent does not read what it is sent; reconnect to be told what it missed"});
    return;
  }
  queue_bytes_ += bytes;
  queue_.push_back({.message = std::move(message), .bytes = bytes});
  note_queue_locked(1, bytes);
  count(deps_->counts.messages_sent);
  if (!writing_) {
    write_next_locked();
  }
}

// What waits goes together: one write costs as much as many small messages.
void ControlConnection::write_next_locked() {
  writing_ = true;
  Queued first = std::move(queue_.front());
  queue_.pop_front();
  std::int64_t joined = 0;
  while (!queue_.empty() && first.bytes + queue_.front().bytes <= limits::kLinkBatchBytesMax) {
    ++joined;
    *first.message.add_more() = std::move(queue_.front().message);
    first.bytes += queue_.front().bytes;
    queue_.pop_front();
  }
  queue_.push_front(std::move(first));
  note_queue_locked(-joined, 0);
  count(deps_->counts.batches_sent);
  reactor_->StartWrite(&queue_.front().message);
}

void ControlConnection::write_done(bool ok) {
  const MutexLock lock(mutex_);
  writing_ = false;
  queue_bytes_ -= queue_.front().bytes;
  note_queue_locked(-1, -queue_.front().bytes);
  queue_.pop_front();
  if (!ok) {
    closing_ = true;
    clear_queue_locked(0);
  }
  if (!queue_.empty()) {
    write_next_locked();
  } else if (closing_) {
    finish_locked();
  }
}

void ControlConnection::close(grpc::Status status) {
  const MutexLock lock(mutex_);
  if (closing_ || reactor_ == nullptr) {
    return;
  }
  closing_ = true;
  status_ = std::move(status);
  if (!writing_) {
    finish_locked();
  }
}

void ControlConnection::cut(grpc::Status status) {
  const MutexLock lock(mutex_);
  if (reactor_ != nullptr) {
    cut_locked(std::move(status));
  }
}

void ControlConnection::cut_locked(grpc::Status status) {
  if (!closing_) {
    closing_ = true;
    status_ = std::move(status);
  }
  if (!writing_) {
    finish_locked();
    return;
  }
  // A write to a peer that does not read never ends by itself.
  clear_queue_locked(1);
  context_->TryCancel();
}

void ControlConnection::finish_locked() {
  if (!finished_) {
    finished_ = true;
    reactor_->Finish(status_);
  }
}

void ControlConnection::note_queue_locked(std::int64_t messages, std::int64_t bytes) {
  if (deps_ != nullptr) {
    deps_->counts.queue_messages.fetch_add(messages, std::memory_order_relaxed);
    deps_->counts.queue_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
}

void ControlConnection::clear_queue_locked(std::size_t keep) {
  while (queue_.size() > keep) {
    queue_bytes_ -= queue_.back().bytes;
    note_queue_locked(-1, -queue_.back().bytes);
    queue_.pop_back();
  }
}

void ControlConnection::detach() {
  const MutexLock lock(mutex_);
  clear_queue_locked(0);
  deps_ = nullptr;
  reactor_ = nullptr;
  context_ = nullptr;
}

}  // namespace hearth::front::agentlink
