#include "client/sse_parser.h"

#include <charconv>
#include <cstdint>

namespace hearth::client {

Result<> SseParser::feed(std::string_view bytes, std::vector<SseEvent>& events) {
  for (const char byte : bytes) {
    if (is_too_long_) {
      break;
    }
    if (skip_lf_) {
      skip_lf_ = false;
      if (byte == '\n') {
        continue;
      }
    }
    if (byte == '\n' || byte == '\r') {
      skip_lf_ = byte == '\r';
      take_line(line_, events);
      line_.clear();
    } else {
      is_too_long_ = line_.size() + data_.size() >= bytes_max_;
      line_.push_back(byte);
    }
  }
  if (is_too_long_) {
    return limit_exceeded("kClientEventBytesMax", static_cast<std::int64_t>(bytes_max_),
                          "the server sends an event of more than " + std::to_string(bytes_max_) +
                              " bytes, the most that is read (kClientEventBytesMax)");
  }
  return {};
}

void SseParser::take_line(std::string_view line, std::vector<SseEvent>& events) {
  if (line.empty()) {
    last_id_ = id_;
    if (has_data_) {
      events.push_back({last_id_, event_.empty() ? "message" : event_, data_});
    }
    event_.clear();
    data_.clear();
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) {
    ++comments_;
    return;
  }
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) {
    value.remove_prefix(1);
  }
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (has_data_) {
      data_.push_back('\n');
    }
    data_.append(value);
    has_data_ = true;
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) {
      id_ = value;
    }
  } else if (field == "retry") {
    int milliseconds = 0;
    const auto [end, failed] =
        std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (failed == std::errc() && end == value.data() + value.size() && !value.starts_with('-')) {
      retry_ms_ = milliseconds;
    }
  }
}

}  // namespace hearth::client
