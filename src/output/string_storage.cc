#include "output/string_storage.h"

namespace hearth::output {

Result<> StringStorage::write_at(std::int64_t position, std::string_view bytes) {
  const auto start = static_cast<std::size_t>(position);
  if (bytes_.size() < start + bytes.size()) {
    bytes_.resize(start + bytes.size());
  }
  bytes_.replace(start, bytes.size(), bytes);
  return {};
}

Result<std::string> StringStorage::read_at(std::int64_t position, std::int64_t size) {
  const auto start = static_cast<std::size_t>(position);
  const auto count = static_cast<std::size_t>(size);
  if (start + count > bytes_.size()) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = "read output in memory: the bytes asked for were never written"};
  }
  return bytes_.substr(start, count);
}

}  // namespace hearth::output
