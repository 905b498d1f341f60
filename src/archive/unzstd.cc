// Zstandard by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <bit>

#include "archive/archive.h"
#include "archive/decompress.h"
#include "archive/fields.h"
#include "archive/packed_input.h"
#include "archive/refusal.h"

namespace hearth::archive {
namespace {

constexpr int kWindowBits =
    std::bit_width(static_cast<std::uint64_t>(limits::kArchiveZstdWindowBytesMax)) - 1;
static_assert(limits::kArchiveZstdWindowBytesMax == std::int64_t{1} << kWindowBits);

class ZstdStream : public ByteStream {
 public:
  explicit ZstdStream(std::unique_ptr<ByteStream> packed)
      : input_(std::move(packed)), state_(ZSTD_createDStream()) {
    if (state_ != nullptr) {
      ZSTD_DCtx_setParameter(state_, ZSTD_d_windowLogMax, kWindowBits);
    }
  }
  ~ZstdStream() override { ZSTD_freeDStream(state_); }

  Result<std::size_t> read(std::span<char> out) override {
    if (state_ == nullptr) {
      return unavailable("there is no memory to unpack the archive");
    }
    std::size_t made = 0;
    while (made == 0 && !has_ended_) {
      if (is_at_frame_) {
        HEARTH_TRY(begin_frame());
      } else {
        HEARTH_ASSIGN(made, step(out));
      }
    }
    return made;
  }

 private:
  // The library would also take frames of versions before 0.8.
  Result<> begin_frame() {
    HEARTH_TRY(input_.await(4));
    const std::span<char> in = input_.waiting();
    if (in.empty()) {
      has_ended_ = true;
    } else if (in.size() < 4 || !is_zstd_magic(le32({in.data(), 4}, 0))) {
      return refused("something else follows its compressed data");
    }
    is_at_frame_ = false;
    return {};
  }

  Result<std::size_t> step(std::span<char> out) {
    HEARTH_TRY(input_.await(1));
    const std::span<char> waiting = input_.waiting();
    ZSTD_inBuffer in{waiting.data(), waiting.size(), 0};
    ZSTD_outBuffer made{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(state_, &made, &in);
    input_.use(in.pos);
    if (ZSTD_isError(code) != 0) {
      return error_of(ZSTD_getErrorCode(code));
    }
    is_at_frame_ = code == 0;
    if (!is_at_frame_ && made.pos == 0 && in.pos == 0 && waiting.empty()) {
      return refused("its compressed data is cut off");
    }
    return made.pos;
  }

  static Error error_of(ZSTD_ErrorCode code) {
    switch (code) {
      case ZSTD_error_memory_allocation:
        return unavailable("there is no memory to unpack the archive");
      case ZSTD_error_frameParameter_windowTooLarge:
        return over_limit(
            "archive_zstd_window_bytes_max", limits::kArchiveZstdWindowBytesMax,
            "unpacking it takes too much memory: zstd -19 is the most, without --long");
      default:
        return refused("its compressed data is damaged");
    }
  }

  PackedInput input_;
  ZSTD_DStream* const state_;
  bool is_at_frame_ = true;
  bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> zstd_stream(std::unique_ptr<ByteStream> packed) {
  return std::make_unique<ZstdStream>(std::move(packed));
}

}  // namespace hearth::archive
