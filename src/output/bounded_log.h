// The bytes one stream of one attempt wrote, by offset, within a fixed bound: the first
// `head_bytes` and a ring of the last `tail_bytes`; what lies between is a gap.
//
// The agent keeps one per stream (a job never blocks on a full one), the controller one as well;
// both follow the same rule, so a gap made by either is seen alike. Pure bookkeeping of extents
// over a ByteStorage, which a file or a string implements.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace hearth::output {

// Of a ByteStorage::sync that failed: what was written since the last one is in doubt, also if the
// next one succeeds.
inline constexpr std::string_view kSyncFailed = "sync_failed";

// Fixed-size random access bytes; the log maps offsets to positions.
class ByteStorage {
 public:
  virtual ~ByteStorage() = default;
  virtual Result<> write_at(std::int64_t position, std::string_view bytes) = 0;
  // Reads exactly `size` bytes that were written before.
  virtual Result<std::string> read_at(std::int64_t position, std::int64_t size) = 0;
  virtual Result<> sync() = 0;
};

struct LogBounds {
  std::int64_t head_bytes = limits::kOutputHeadBytes;
  std::int64_t tail_bytes = limits::kOutputTailBytes;
};

// A read of at most `max` bytes from `offset`: `bytes` start at `offset` (moved to the end of a gap
// if it lay in one) and stop before the next gap; `next_offset` is where reading goes on.
struct LogSlice {
  std::int64_t offset = 0;
  std::string bytes;
  std::int64_t next_offset = 0;
  // How far bytes are kept without a break behind `offset`; 0 when `bytes` are all there is to say.
  std::int64_t kept_until = 0;
};

class BoundedLog {
 public:
  BoundedLog(ByteStorage& storage, LogBounds bounds);

  // `offset` below size(): the known part is skipped (a resend). Above: the part between is a gap.
  Result<> append(std::int64_t offset, std::string_view bytes);

  [[nodiscard]] std::int64_t size() const { return size_; }
  // Bytes below are kept from 0 on and never change any more.
  [[nodiscard]] std::int64_t head_end() const { return head_end_; }
  // True when some byte below size() is not kept.
  [[nodiscard]] bool truncated() const;
  // How many bytes below size() are not kept.
  [[nodiscard]] std::int64_t dropped() const { return truncated() ? tail_start_ - head_end_ : 0; }
  Result<LogSlice> read(std::int64_t offset, std::int64_t max);

  // The extents as text, to be kept beside the bytes so that a log can be reopened; and back.
  [[nodiscard]] std::string extents() const;
  Result<> restore_extents(std::string_view text);

 private:
  ByteStorage& storage_;
  LogBounds bounds_;
  std::int64_t size_ = 0;
  std::int64_t head_end_ = 0;    // [0, head_end_) is kept in the head
  std::int64_t tail_start_ = 0;  // [tail_start_, size_) is kept in the ring
};

}  // namespace hearth::output
