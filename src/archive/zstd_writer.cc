#include "archive/zstd_writer.h"

#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace hearth::archive {
namespace {

constexpr int kLevel = 3;
constexpr std::size_t kPieceBytes = 128 * 1024;

}  // namespace

Result<> PlainWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return system_error("write the archive", errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

ZstdWriter::ZstdWriter(int fd)
    : out_(fd), context_(ZSTD_createCCtx()), buffer_(ZSTD_CStreamOutSize(), '\0') {
  HEARTH_CHECK(context_ != nullptr, "there is memory for a small context");
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

void ZstdWriter::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

Result<> ZstdWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t take = std::min(bytes.size(), kPieceBytes - waiting_.size());
    waiting_ += bytes.substr(0, take);
    bytes.remove_prefix(take);
    if (waiting_.size() == kPieceBytes) {
      HEARTH_TRY(pass_on(waiting_, false));
      waiting_.clear();
    }
  }
  return {};
}

Result<> ZstdWriter::finish() {
  return pass_on(waiting_, true);
}

Result<> ZstdWriter::pass_on(std::string_view bytes, bool is_end) {
  ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
  while (true) {
    ZSTD_outBuffer out{.dst = buffer_.data(), .size = buffer_.size(), .pos = 0};
    const std::size_t left =
        ZSTD_compressStream2(context_.get(), &out, &in, is_end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return internal_error(std::string("pack the archive: ") + ZSTD_getErrorName(left));
    }
    HEARTH_TRY(out_.write({buffer_.data(), out.pos}));
    if (is_end ? left == 0 : in.pos == in.size) {
      return {};
    }
  }
}

}  // namespace hearth::archive
