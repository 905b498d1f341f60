// Bytes on their way into a file, as they are or packed with zstd.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ZSTD_CCtx_s;

namespace hearth::archive {

class ByteWriter {
 public:
  virtual ~ByteWriter() = default;
  virtual Result<> write(std::string_view bytes) = 0;
  virtual Result<> finish() = 0;
};

class PlainWriter final : public ByteWriter {
 public:
  // Borrows the descriptor.
  explicit PlainWriter(int fd) : fd_(fd) {}
  Result<> write(std::string_view bytes) override;
  Result<> finish() override { return {}; }

 private:
  const int fd_;
};

// One frame, the same for the same bytes however they come.
class ZstdWriter final : public ByteWriter {
 public:
  explicit ZstdWriter(int fd);
  Result<> write(std::string_view bytes) override;
  Result<> finish() override;

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  Result<> pass_on(std::string_view bytes, bool is_end);

  PlainWriter out_;
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::string buffer_;
  std::string waiting_;  // written in equal pieces
};

}  // namespace hearth::archive
