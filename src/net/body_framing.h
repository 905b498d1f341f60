// How the end of a streamed body is told: by chunks, by a length, or by the end of the connection.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::net {

class BodyFraming {
 public:
  BodyFraming() = default;
  // HTTP/1.0 knows no chunks: without a length the end of the connection ends the body there.
  BodyFraming(std::optional<std::int64_t> length, bool is_old)
      : chunked_(!length.has_value() && !is_old), length_left_(length.value_or(kNoLength)) {}

  // The header field, with its line end, or empty.
  [[nodiscard]] std::string field() const;
  // What goes beyond an announced length is dropped: it must not be taken for the next answer.
  void append(std::string& out, std::string_view bytes);
  // False when only the end of the connection can say that the body is over, or cut short.
  bool finish(std::string& out) const;

 private:
  static constexpr std::int64_t kNoLength = -1;
  bool chunked_ = false;
  std::int64_t length_left_ = kNoLength;
};

}  // namespace hearth::net
