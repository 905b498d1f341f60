#include "agent/link/output_sender.h"

#include <algorithm>
#include <utility>

namespace hearth::agent {

void OutputSender::opened() {
  open_ = true;
  ready_.clear();
  for (auto& [id, stream] : streams_) {
    stream.queued = false;
    stream.overdue = false;
    stream.doubted = false;
    // Never answered: nothing can have been taken back, and sending from the start asks as well.
    const bool ask = stream.received > 0;
    stream.position = ask ? Position::ToAsk : Position::Known;
    stream.sent = 0;
    queue_if_ready(id, stream);
  }
}

void OutputSender::grew(const OutputStreamKey& id, std::int64_t size) {
  Stream& stream = streams_[id];
  stream.size = std::max(stream.size, size);
  queue_if_ready(id, stream);
}

void OutputSender::received(const OutputStreamKey& id, std::int64_t offset) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || offset < 0) {
    return;
  }
  Stream& stream = found->second;
  stream.overdue = false;
  const std::int64_t position = std::min(offset, stream.size);
  // Progress is the answer to what was sent before the question: what was sent is on its way.
  const bool on_its_way = stream.doubted && position > stream.received;
  stream.doubted = false;
  if (stream.position == Position::Known || on_its_way) {
    stream.position = Position::Known;
    stream.received = std::max(stream.received, position);
    stream.sent = std::max(stream.sent, stream.received);
  } else {
    stream.position = Position::Known;
    stream.received = position;
    stream.sent = position;
  }
  queue_if_ready(id, stream);
}

void OutputSender::forget(const AttemptKey& attempt) {
  for (const StreamKind stream : kStreamKinds) {
    streams_.erase({attempt, stream});
  }
}

void OutputSender::repeat_unanswered() {
  for (auto& [id, stream] : streams_) {
    const bool unanswered = stream.position == Position::Asked || stream.sent > stream.received;
    if (unanswered && stream.overdue) {
      stream.doubted = stream.doubted || stream.position == Position::Known;
      stream.position = Position::ToAsk;
      queue_if_ready(id, stream);
    }
    stream.overdue = unanswered && !stream.overdue;
  }
}

bool OutputSender::is_ready(const Stream& stream) const {
  switch (stream.position) {
    case Position::ToAsk:
      return true;
    case Position::Asked:
      return false;
    case Position::Known:
      break;
  }
  return stream.sent < stream.size && stream.sent - stream.received < limits_.window_bytes;
}

void OutputSender::queue_if_ready(const OutputStreamKey& id, Stream& stream) {
  if (open_ && !stream.queued && is_ready(stream)) {
    stream.queued = true;
    ready_.push_back(id);
  }
}

std::vector<OutputPiece> OutputSender::next_batch() {
  std::vector<OutputPiece> batch;
  std::int64_t budget = limits_.batch_bytes;
  while (open_ && budget > 0 && !ready_.empty()) {
    const OutputStreamKey id = ready_.front();
    ready_.pop_front();
    const auto found = streams_.find(id);
    if (found == streams_.end()) {
      continue;
    }
    Stream& stream = found->second;
    stream.queued = false;
    if (!is_ready(stream)) {
      continue;
    }
    if (stream.position == Position::ToAsk) {
      stream.position = Position::Asked;
      batch.push_back({.stream = id, .offset = 0, .bytes = {}});
      continue;
    }
    const std::int64_t window = stream.received + limits_.window_bytes - stream.sent;
    const std::int64_t max =
        std::min({budget, limits_.quantum_bytes, window, stream.size - stream.sent});
    output::LogSlice slice = source_.read_output(id, stream.sent, max);
    stream.sent = slice.offset + static_cast<std::int64_t>(slice.bytes.size());
    budget -= static_cast<std::int64_t>(slice.bytes.size());
    batch.push_back({.stream = id, .offset = slice.offset, .bytes = std::move(slice.bytes)});
    queue_if_ready(id, stream);
  }
  return batch;
}

}  // namespace hearth::agent
