#include "output/bounded_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/check.h"

namespace hearth::output {

BoundedLog::BoundedLog(ByteStorage& storage, LogBounds bounds)
    : storage_(storage), bounds_(bounds) {
  HEARTH_CHECK(bounds.head_bytes >= 0 && bounds.tail_bytes >= 0, "negative bounds of a log");
}

Result<> BoundedLog::append(std::int64_t offset, std::string_view bytes) {
  const auto count = static_cast<std::int64_t>(bytes.size());
  if (offset < 0 || offset > std::numeric_limits<std::int64_t>::max() - count) {
    return invalid_argument("append output at offset " + std::to_string(offset) +
                            ": offsets count the bytes a stream wrote, from 0");
  }
  if (offset + count <= size_) {
    return {};
  }
  if (offset > size_) {
    size_ = offset;
    tail_start_ = offset;
  } else {
    bytes.remove_prefix(static_cast<std::size_t>(size_ - offset));
  }
  while (!bytes.empty()) {
    const auto left = static_cast<std::int64_t>(bytes.size());
    std::int64_t written = 0;
    if (head_end_ == size_ && size_ < bounds_.head_bytes) {
      written = std::min(left, bounds_.head_bytes - size_);
      HEARTH_TRY(storage_.write_at(size_, bytes.substr(0, static_cast<std::size_t>(written))));
      head_end_ += written;
      tail_start_ = head_end_;
    } else if (bounds_.tail_bytes == 0) {
      written = left;
      tail_start_ = size_ + written;
    } else {
      const std::int64_t position = size_ % bounds_.tail_bytes;
      written = std::min(left, bounds_.tail_bytes - position);
      // Given up before it is overwritten: a write that fails halfway leaves a gap, never bytes of
      // two ages under one offset.
      tail_start_ = std::max(tail_start_, size_ + written - bounds_.tail_bytes);
      HEARTH_TRY(storage_.write_at(bounds_.head_bytes + position,
                                   bytes.substr(0, static_cast<std::size_t>(written))));
    }
    size_ += written;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

bool BoundedLog::truncated() const {
  return head_end_ < tail_start_;
}

Result<LogSlice> BoundedLog::read(std::int64_t offset, std::int64_t max) {
  if (offset < 0) {
    return invalid_field(
        "offset", "read output at offset " + std::to_string(offset) + ": offsets count from 0");
  }
  const auto skip_gap = [this](std::int64_t at) {
    return at >= head_end_ && at < tail_start_ ? tail_start_ : at;
  };
  LogSlice slice;
  slice.offset = skip_gap(offset);
  slice.next_offset = slice.offset;
  std::int64_t end = slice.offset;
  while (end < size_ && end - slice.offset < max && skip_gap(end) == end) {
    const bool in_head = end < head_end_;
    const std::int64_t ring_position = in_head ? 0 : end % bounds_.tail_bytes;
    const std::int64_t position = in_head ? end : bounds_.head_bytes + ring_position;
    const std::int64_t contiguous =
        in_head ? head_end_ - end : std::min(size_ - end, bounds_.tail_bytes - ring_position);
    const std::int64_t count = std::min(contiguous, max - (end - slice.offset));
    HEARTH_ASSIGN(std::string piece, storage_.read_at(position, count));
    end += count;
    if (slice.bytes.empty()) {
      slice.bytes = std::move(piece);
    } else {
      slice.bytes += piece;
    }
  }
  slice.next_offset = skip_gap(end);
  slice.kept_until = truncated() && slice.offset < head_end_ ? head_end_ : size_;
  return slice;
}

std::string BoundedLog::extents() const {
  return std::to_string(head_end_) + " " + std::to_string(tail_start_) + " " +
         std::to_string(size_);
}

Result<> BoundedLog::restore_extents(std::string_view text) {
  const Error bad{.code = ErrorCode::DataLoss,
                  .message = "restore the extents of an output log from \"" + std::string(text) +
                             "\": expected three ascending numbers within its bounds"};
  std::array<std::int64_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at == end || *at != ' ') {
        return bad;
      }
      ++at;
    }
    const auto [after, error] = std::from_chars(at, end, numbers.at(i));
    if (error != std::errc{}) {
      return bad;
    }
    at = after;
  }
  const auto [head_end, tail_start, size] = numbers;
  const bool ordered = 0 <= head_end && head_end <= tail_start && tail_start <= size;
  if (at != end || !ordered || head_end > bounds_.head_bytes ||
      size - tail_start > bounds_.tail_bytes ||
      (head_end == tail_start && tail_start < size && head_end < bounds_.head_bytes)) {
    return bad;
  }
  head_end_ = head_end;
  tail_start_ = tail_start;
  size_ = size;
  return {};
}

}  // namespace hearth::output
