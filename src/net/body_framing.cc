#include "net/body_framing.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace hearth::net {

std::string BodyFraming::field() const {
  if (chunked_) {
    return "Transfer-Encoding: chunked\r\n";
  }
  return length_left_ == kNoLength ? ""
                                   : "Content-Length: " + std::to_string(length_left_) + "\r\n";
}

void BodyFraming::append(std::string& out, std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  if (chunked_) {
    std::array<char, 16> size{};
    const auto written = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16);
    out.append(size.data(), written.ptr);
    out += "\r\n";
    out += bytes;
    out += "\r\n";
    return;
  }
  if (length_left_ != kNoLength) {
    bytes = bytes.substr(0, static_cast<std::size_t>(length_left_));
    length_left_ -= static_cast<std::int64_t>(bytes.size());
  }
  out += bytes;
}

bool BodyFraming::finish(std::string& out) const {
  if (chunked_) {
    out += "0\r\n\r\n";
  }
  return chunked_ || length_left_ == 0;
}

}  // namespace hearth::net
