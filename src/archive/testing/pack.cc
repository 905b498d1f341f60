#include "archive/testing/pack.h"

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"

namespace hearth::archive::testing {
namespace {

std::string zlib_packed(std::string_view bytes, int window_bits) {
  z_stream state{};
  HEARTH_CHECK(deflateInit2(&state, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK,
               "zlib does not start");
  std::string out(deflateBound(&state, bytes.size()), '\0');
  std::string in(bytes);
  state.next_in = reinterpret_cast<Bytef*>(in.data());
  state.avail_in = static_cast<uInt>(in.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  HEARTH_CHECK(deflate(&state, Z_FINISH) == Z_STREAM_END, "zlib does not end");
  out.resize(state.total_out);
  deflateEnd(&state);
  return out;
}

}  // namespace

std::string deflated(std::string_view bytes) {
  return zlib_packed(bytes, -MAX_WBITS);
}

std::string gzipped(std::string_view bytes) {
  return zlib_packed(bytes, MAX_WBITS + 16);
}

std::string zstd_packed(std::string_view bytes, int window_bits) {
  ZSTD_CCtx* state = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(state, ZSTD_c_checksumFlag, 1);
  if (window_bits != 0) {
    ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog, window_bits);
    ZSTD_CCtx_setParameter(state, ZSTD_c_contentSizeFlag, 0);
  }
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
  // In two steps, so that the size is not known when the frame begins.
  HEARTH_CHECK(ZSTD_isError(ZSTD_compressStream2(
                   state, &to, &from, window_bits == 0 ? ZSTD_e_end : ZSTD_e_flush)) == 0,
               "zstd does not pack");
  HEARTH_CHECK(ZSTD_compressStream2(state, &to, &from, ZSTD_e_end) == 0, "zstd does not end");
  out.resize(to.pos);
  ZSTD_freeCCtx(state);
  return out;
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string little_endian(std::uint64_t value, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += static_cast<char>(value >> (8U * i) & 0xffU);
  }
  return out;
}

}  // namespace hearth::archive::testing
