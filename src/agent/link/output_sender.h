// Decides which output goes up next: many streams, one connection, nothing lost.
//
// Streams with unsent bytes take turns, each at most a quantum a turn, so that a flood on one never
// starves another. At most a window per stream is sent beyond what the controller said it received;
// since the connection carries one batch at a time, small writes go at once when it is idle and
// together when it is busy. On a fresh connection a stream that was answered before asks with an
// empty chunk at offset 0 how far the controller got, because a restarted controller may have less
// than it had said.
//
// Bookkeeping only: no clock, no socket. Used by one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/limits.h"
#include "model/ids.h"
#include "model/job_state.h"
#include "output/bounded_log.h"

namespace hearth::agent {

struct OutputStreamKey {
  AttemptKey attempt;
  StreamKind stream = StreamKind::Stdout;
  friend auto operator<=>(const OutputStreamKey&, const OutputStreamKey&) = default;
  friend bool operator==(const OutputStreamKey&, const OutputStreamKey&) = default;
};

struct OutputPiece {
  OutputStreamKey stream;
  std::int64_t offset = 0;
  std::string bytes;
};

class OutputSource {
 public:
  virtual ~OutputSource() = default;
  // At most `max` bytes from `offset` on. What was dropped, or cannot be read any more, is a gap:
  // the slice then starts after it, at the stream's size at the latest.
  virtual output::LogSlice read_output(const OutputStreamKey& stream, std::int64_t offset,
                                       std::int64_t max) = 0;
};

struct SenderLimits {
  std::int64_t batch_bytes = limits::kOutputChunkBytesMax;
  std::int64_t quantum_bytes = limits::kOutputChunkBytesMax / 4;
  std::int64_t window_bytes = limits::kOutputWindowBytes;
};

class OutputSender {
 public:
  explicit OutputSender(OutputSource& source, SenderLimits limits = {})
      : source_(source), limits_(limits) {}

  void opened();
  void closed() { open_ = false; }
  void grew(const OutputStreamKey& id, std::int64_t size);
  void received(const OutputStreamKey& id, std::int64_t offset);
  void forget(const AttemptKey& attempt);
  // To be called now and then: asks what became of what has had no answer since the last call, and
  // sends it again if the controller has not got it. A controller answers nothing to a chunk of an
  // attempt that is not current to it, which may change; but on a slow line the answer may just be
  // on its way, and sending everything twice would make that line slower still.
  void repeat_unanswered();

  // What to send now; empty when there is nothing, or every window is full.
  std::vector<OutputPiece> next_batch();

 private:
  enum class Position : std::uint8_t { Known, ToAsk, Asked };

  struct Stream {
    std::int64_t size = 0;
    std::int64_t sent = 0;
    std::int64_t received = 0;
    Position position = Position::Known;
    bool queued = false;
    bool overdue = false;  // something was unanswered at the last look, and still is
    bool doubted = false;  // asked although what was sent on this connection may still be answered
  };

  void queue_if_ready(const OutputStreamKey& id, Stream& stream);
  [[nodiscard]] bool is_ready(const Stream& stream) const;

  OutputSource& source_;
  const SenderLimits limits_;
  bool open_ = false;
  std::map<OutputStreamKey, Stream> streams_;
  std::deque<OutputStreamKey> ready_;  // may name forgotten streams
};

}  // namespace hearth::agent
