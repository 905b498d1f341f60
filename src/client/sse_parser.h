// Server-sent events from bytes. Pure: feed it what arrives, take what is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace hearth::client {

struct SseEvent {
  std::string id;     // of this event, or the last one seen
  std::string event;  // "message" when not named
  std::string data;   // lines joined with '\n'
};

// Follows the WHATWG event stream grammar: LF, CRLF or CR ends a line, a blank line dispatches,
// comments are skipped, an event without data is dropped.
class SseParser {
 public:
  static constexpr auto kBytesMax = static_cast<std::size_t>(limits::kClientEventBytesMax);

  explicit SseParser(std::size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  // Fails, now and whatever follows, once a line or an event's data has more than `bytes_max`
  // bytes; the events before it are there.
  Result<> feed(std::string_view bytes, std::vector<SseEvent>& events);

  // Of the last event that came whole: what to resume after.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  [[nodiscard]] std::optional<int> retry_ms() const { return retry_ms_; }
  // So many came; servers send them so that a silent stream is seen to live.
  [[nodiscard]] std::int64_t comments() const { return comments_; }

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& events);

  std::size_t bytes_max_;
  bool is_too_long_ = false;
  std::string line_;
  bool skip_lf_ = false;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  std::string id_;  // becomes the last one with the blank line
  std::string last_id_;
  std::optional<int> retry_ms_;
  std::int64_t comments_ = 0;
};

}  // namespace hearth::client
