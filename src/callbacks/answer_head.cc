#include "callbacks/answer_head.h"

#include "base/task_limits.h"

namespace hearth::callbacks {

namespace {

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kStatusAt = 9;  // "HTTP/1.1 200"
constexpr std::size_t kStatusEnd = 12;

// 0: it is none.
int status_of(std::string_view head) {
  const bool is_http = head.starts_with(kVersion) && (head[7] == '0' || head[7] == '1') &&
                       head[8] == ' ' && (head[kStatusEnd] == ' ' || head[kStatusEnd] == '\r');
  int status = 0;
  for (std::size_t i = kStatusAt; is_http && i < kStatusEnd; ++i) {
    if (head[i] < '0' || head[i] > '9') {
      return 0;
    }
    status = status * 10 + (head[i] - '0');
  }
  return status >= 100 ? status : 0;
}

}  // namespace

std::optional<Result<int>> read_status(std::string_view bytes) {
  const auto bytes_max = static_cast<std::size_t>(limits::kCallbackAnswerBytesMax);
  std::string_view rest = bytes.substr(0, bytes_max);
  for (;;) {
    const bool is_other = !rest.starts_with(kVersion.substr(0, rest.size()));
    const std::size_t end = rest.find(kEndOfHead);
    if (!is_other && end == std::string_view::npos) {
      return bytes.size() >= bytes_max
                 ? std::optional<Result<int>>(
                       unavailable("the head of its answer is longer than " +
                                   std::to_string(limits::kCallbackAnswerBytesMax) + " bytes"))
                 : std::nullopt;
    }
    const int status = is_other || end < kStatusEnd ? 0 : status_of(rest);
    if (status == 0) {
      return unavailable("what it answers is no HTTP/1.1");
    }
    constexpr int kFirstFinal = 200;
    if (status >= kFirstFinal) {
      return status;
    }
    rest.remove_prefix(end + kEndOfHead.size());
  }
}

}  // namespace hearth::callbacks
