#include "archive/decompress.h"

#include <algorithm>

namespace hearth::archive {
namespace {

class PlainStream : public ByteStream {
 public:
  PlainStream(const ByteSource& source, std::int64_t offset, std::int64_t bytes_max)
      : source_(source), offset_(offset), left_(bytes_max) {}

  Result<std::size_t> read(std::span<char> out) override {
    const auto most =
        static_cast<std::size_t>(std::min(left_, static_cast<std::int64_t>(out.size())));
    HEARTH_ASSIGN(const std::size_t got, source_.read_at(offset_, out.first(most)));
    offset_ += static_cast<std::int64_t>(got);
    left_ -= static_cast<std::int64_t>(got);
    return got;
  }

 private:
  const ByteSource& source_;
  std::int64_t offset_;
  std::int64_t left_;
};

}  // namespace

std::unique_ptr<ByteStream> plain_stream(const ByteSource& source, std::int64_t offset,
                                         std::int64_t bytes_max) {
  return std::make_unique<PlainStream>(source, offset, bytes_max);
}

}  // namespace hearth::archive
