// DEFLATE by zlib, bare and in gzip's frame.
#include <zlib.h>

#include "archive/decompress.h"
#include "archive/packed_input.h"
#include "archive/refusal.h"

namespace hearth::archive {
namespace {

constexpr int kBareWindow = -MAX_WBITS;
constexpr int kGzipWindow = MAX_WBITS + 16;

enum class Frame : std::uint8_t { Bare, Gzip };

class InflateStream : public ByteStream {
 public:
  InflateStream(std::unique_ptr<ByteStream> packed, Frame frame)
      : input_(std::move(packed)), frame_(frame) {}
  ~InflateStream() override {
    if (is_ready_) {
      inflateEnd(&state_);
    }
  }

  Result<std::size_t> read(std::span<char> out) override {
    HEARTH_TRY(prepare());
    std::size_t made = 0;
    while (made == 0 && !has_ended_) {
      HEARTH_ASSIGN(made, step(out));
    }
    return made;
  }

 private:
  Result<> prepare() {
    if (is_ready_) {
      return {};
    }
    if (inflateInit2(&state_, frame_ == Frame::Bare ? kBareWindow : kGzipWindow) != Z_OK) {
      return unavailable("there is no memory to unpack the archive");
    }
    is_ready_ = true;
    return {};
  }

  Result<std::size_t> step(std::span<char> out) {
    HEARTH_TRY(input_.await(1));
    const std::span<char> in = input_.waiting();
    state_.next_in = reinterpret_cast<Bytef*>(in.data());
    state_.avail_in = static_cast<uInt>(in.size());
    state_.next_out = reinterpret_cast<Bytef*>(out.data());
    state_.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&state_, Z_NO_FLUSH);
    input_.use(in.size() - state_.avail_in);
    const std::size_t made = out.size() - state_.avail_out;
    if (code == Z_STREAM_END) {
      HEARTH_TRY(end_member());
    } else if (code == Z_BUF_ERROR && made == 0) {
      // It wants more than there is.
      return refused("its compressed data is cut off");
    } else if (code == Z_MEM_ERROR) {
      return unavailable("there is no memory to unpack the archive");
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return refused(is_between_members_ && state_.total_out == 0
                         ? "something else follows its compressed data"
                         : "its compressed data is damaged");
    }
    return made;
  }

  Result<> end_member() {
    HEARTH_TRY(input_.await(1));
    if (input_.is_empty()) {
      has_ended_ = true;
    } else if (frame_ == Frame::Bare) {
      return refused("its compressed data ends before its size says");
    } else {
      inflateReset(&state_);
      is_between_members_ = true;
    }
    return {};
  }

  PackedInput input_;
  const Frame frame_;
  z_stream state_{};
  bool is_ready_ = false;
  bool has_ended_ = false;
  bool is_between_members_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> deflate_stream(std::unique_ptr<ByteStream> packed) {
  return std::make_unique<InflateStream>(std::move(packed), Frame::Bare);
}

std::unique_ptr<ByteStream> gzip_stream(std::unique_ptr<ByteStream> packed) {
  return std::make_unique<InflateStream>(std::move(packed), Frame::Gzip);
}

}  // namespace hearth::archive
