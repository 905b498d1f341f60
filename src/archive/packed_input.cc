#include "archive/packed_input.h"

#include <algorithm>

namespace hearth::archive {

Result<> PackedInput::await(std::size_t bytes) {
  while (end_ - begin_ < bytes) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
    HEARTH_ASSIGN(const std::size_t got, from_->read(std::span(buffer_).subspan(end_)));
    if (got == 0) {
      break;
    }
    end_ += got;
  }
  return {};
}

}  // namespace hearth::archive
