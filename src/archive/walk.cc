#include "archive/walk.h"

#include <array>
#include <limits>
#include <optional>
#include <string_view>

#include "archive/decompress.h"
#include "archive/fields.h"
#include "archive/refusal.h"
#include "archive/tar_header.h"
#include "archive/tar_reader.h"
#include "archive/zip_format.h"
#include "archive/zip_reader.h"
#include "base/check.h"

namespace hearth::archive {
namespace {

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kGzipMagic = 0x088b1f;  // with the only method there is
constexpr std::uint32_t kThreeBytes = 0xffffff;

// By how it begins. A packed file is a tar until its contents show otherwise.
std::optional<ArchiveFormat> format_of(std::string_view head) {
  if (head.size() >= tar::kBlockBytes && tar::is_header(head)) {
    return ArchiveFormat::Tar;
  }
  if (head.size() < 4) {
    return std::nullopt;
  }
  const std::uint32_t magic = le32(head, 0);
  if (magic == zip::kLocalSignature || magic == zip::kEndSignature ||
      magic == zip::kEnd64Signature) {
    return ArchiveFormat::Zip;
  }
  if ((magic & kThreeBytes) == kGzipMagic) {
    return ArchiveFormat::TarGzip;
  }
  if (is_zstd_magic(magic)) {
    return ArchiveFormat::TarZstd;
  }
  return std::nullopt;
}

// Ends the stream with an error when far more comes out of it than its packed bytes account for.
class RatioGuard : public ByteStream {
 public:
  RatioGuard(std::unique_ptr<ByteStream> stream, std::int64_t packed_bytes,
             const ArchiveLimits& limits)
      : stream_(std::move(stream)), packed_bytes_(packed_bytes), limits_(limits) {}

  Result<std::size_t> read(std::span<char> out) override {
    HEARTH_ASSIGN(const std::size_t got, stream_->read(out));
    bytes_ += static_cast<std::int64_t>(got);
    if (bytes_ > limits_.ratio_free_bytes && bytes_ / limits_.ratio_max > packed_bytes_) {
      return over_limit("archive_ratio_max", limits_.ratio_max,
                        "it unpacks to too many times its packed size");
    }
    return got;
  }

 private:
  const std::unique_ptr<ByteStream> stream_;
  const std::int64_t packed_bytes_;
  const ArchiveLimits& limits_;
  std::int64_t bytes_ = 0;
};

Result<ArchiveSummary> walk_packed_tar(const ByteSource& source, ArchiveFormat format,
                                       const ArchiveLimits& limits, EntrySink& sink) {
  if (!source.size()) {
    return refused("how large a packed tar is has to be known, so it has to be a file");
  }
  auto packed = plain_stream(source, 0, *source.size());
  auto stream = format == ArchiveFormat::TarGzip ? gzip_stream(std::move(packed))
                                                 : zstd_stream(std::move(packed));
  RatioGuard guard(std::move(stream), *source.size(), limits);
  HEARTH_ASSIGN(ArchiveSummary summary, read_tar(guard, limits, sink));
  summary.format = format;
  return summary;
}

Result<ArchiveSummary> walk_known(const ByteSource& source, ArchiveFormat format,
                                  const ArchiveLimits& limits, EntrySink& sink) {
  switch (format) {
    case ArchiveFormat::Zip:
      return read_zip(source, limits, sink);
    case ArchiveFormat::Tar:
      return read_tar(*plain_stream(source, 0, source.size().value_or(kNoEnd)), limits, sink);
    case ArchiveFormat::TarGzip:
    case ArchiveFormat::TarZstd:
      break;
  }
  return walk_packed_tar(source, format, limits, sink);
}

Result<ArchiveSummary> walk_any(const ByteSource& source, const ArchiveLimits& limits,
                                EntrySink& sink) {
  std::array<char, tar::kBlockBytes> head{};
  HEARTH_ASSIGN(const std::size_t got, source.read_at(0, head));
  const std::optional<ArchiveFormat> format = format_of({head.data(), got});
  if (!format) {
    return refused(
        "its format is not known: taken are ZIP, and tar as it is or packed with gzip or zstd");
  }
  HEARTH_ASSIGN(const ArchiveSummary summary, walk_known(source, *format, limits, sink));
  if (summary.files + summary.directories == 0) {
    return refused("there is nothing in it");
  }
  return summary;
}

}  // namespace

std::string_view to_string(ArchiveFormat format) {
  static constexpr std::array<std::string_view, 4> kNames = {"zip", "tar", "tar.gz", "tar.zst"};
  const auto index = static_cast<std::size_t>(format);
  return index < kNames.size() ? kNames.at(index) : "unknown";
}

Result<ArchiveSummary> walk(int fd, const ArchiveLimits& limits, EntrySink& sink) {
  HEARTH_CHECK(limits.ratio_max > 0, "archives cannot be packed at all");
  HEARTH_ASSIGN(const ByteSource source, ByteSource::open(fd));
  Result<ArchiveSummary> summary = walk_any(source, limits, sink);
  return summary ? std::move(summary) : in_archive(summary.error());
}

}  // namespace hearth::archive
