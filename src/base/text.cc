#include "base/text.h"

namespace hearth {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

std::string mark_of(std::size_t bytes) {
  return " [" + std::to_string(bytes) + " bytes left out] ";
}

}  // namespace

std::string cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return std::string(text);
  }
  std::size_t end = bytes_max;
  while (end > 0 && is_continuation(text[end])) {
    --end;
  }
  return std::string(text.substr(0, end));
}

std::string cut_middle(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return std::string(text);
  }
  // No more is left out than all, so the mark is never longer than this.
  const std::size_t kept = bytes_max - mark_of(text.size()).size();
  const std::string head = cut_text(text, kept - kept / 4);
  std::size_t tail = text.size() - kept / 4;
  while (tail < text.size() && is_continuation(text[tail])) {
    ++tail;
  }
  return head + mark_of(tail - head.size()) + std::string(text.substr(tail));
}

}  // namespace hearth
