#include "archive/tar_index.h"

#include <utility>

#include "archive/archive.h"
#include "archive/tar_header.h"
#include "archive/tar_records.h"

namespace hearth::archive {
namespace {

Error damaged() {
  return Error{.code = ErrorCode::DataLoss, .message = "the tar is damaged"};
}

class Walk {
 public:
  Walk(std::int64_t size, const ReadTar& read, const TarIndexLimits& limits)
      : size_(size), read_(read), limits_(limits) {}

  Result<TarIndex> go() {
    while (true) {
      HEARTH_ASSIGN(const std::string block, take(std::int64_t{tar::kBlockBytes}));
      if (tar::is_zero(block)) {
        return std::move(index_);
      }
      HEARTH_ASSIGN(tar::Header header, tar::parse_header(block));
      HEARTH_TRY(entry(std::move(header)));
    }
  }

 private:
  Result<std::string> take(std::int64_t bytes) {
    if (bytes > size_ - at_) {
      return damaged();
    }
    HEARTH_ASSIGN(std::string taken, read_(at_, bytes));
    if (std::ssize(taken) != bytes) {
      return damaged();
    }
    at_ += bytes;
    return taken;
  }

  Result<> entry(tar::Header header) {
    switch (header.type) {
      case tar::kPaxGlobal:
      case tar::kPax:
        return describe(header);
      case '0':
        return file(std::move(header));
      default:
        return damaged();
    }
  }

  Result<> describe(const tar::Header& header) {
    const bool is_late = header.type == tar::kPaxGlobal && !index_.files.empty();
    if (is_late || header.bytes == 0 || header.bytes > limits_.header_bytes_max) {
      return damaged();
    }
    HEARTH_ASSIGN(const std::string records, take(header.bytes + tar::padding_of(header.bytes)));
    HEARTH_TRY(described_.add(
        header.type, std::string_view(records).substr(0, static_cast<std::size_t>(header.bytes))));
    if (described_.comment()) {
      index_.comment = *described_.comment();
    }
    return {};
  }

  Result<> file(tar::Header header) {
    HEARTH_ASSIGN(header, described_.applied_to(std::move(header)));
    described_ = {};
    const bool has_nul = header.name.find('\0') != std::string::npos;
    if (has_nul || std::ssize(index_.files) >= limits_.files_max || header.bytes > size_ - at_ ||
        header.bytes + tar::padding_of(header.bytes) > size_ - at_) {
      return damaged();
    }
    index_.files.push_back({.path = std::move(header.name), .bytes = header.bytes, .offset = at_});
    at_ += header.bytes + tar::padding_of(header.bytes);
    return {};
  }

  const std::int64_t size_;
  const ReadTar& read_;
  const TarIndexLimits limits_;
  std::int64_t at_ = 0;
  tar::Described described_;  // what comes next
  TarIndex index_;
};

}  // namespace

Result<TarIndex> read_tar_index(std::int64_t size, const ReadTar& read,
                                const TarIndexLimits& limits) {
  Result<TarIndex> index = Walk(size, read, limits).go();
  return !index && index.error().kind == kArchiveRefused ? Result<TarIndex>(damaged()) : index;
}

}  // namespace hearth::archive
