#include "archive/zip_reader.h"

#include <zlib.h>

#include <vector>

#include "archive/decompress.h"
#include "archive/refusal.h"
#include "archive/zip_layout.h"

namespace hearth::archive {
namespace {

using zip::ZipEntry;

std::unique_ptr<ByteStream> contents(const ByteSource& source, const ZipEntry& entry) {
  auto packed = plain_stream(source, static_cast<std::int64_t>(entry.data_offset),
                             static_cast<std::int64_t>(entry.fields.packed_bytes));
  return entry.fields.method == zip::kDeflated ? deflate_stream(std::move(packed))
                                               : std::move(packed);
}

// Counts what comes out, whatever the sizes say, and stops as soon as it is more.
Result<> unpack(const ByteSource& source, const ZipEntry& entry, std::span<char> buffer,
                EntrySink& sink) {
  HEARTH_TRY(sink.begin(entry.entry));
  const std::unique_ptr<ByteStream> stream = contents(source, entry);
  std::uint64_t bytes = 0;
  uLong crc = ::crc32(0, nullptr, 0);
  for (;;) {
    HEARTH_ASSIGN(const std::size_t got, stream->read(buffer));
    if (got == 0) {
      break;
    }
    bytes += got;
    if (bytes > entry.fields.bytes) {
      return refused("it unpacks to more than its size says");
    }
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(buffer.data()), static_cast<uInt>(got));
    HEARTH_TRY(sink.write({buffer.data(), got}));
  }
  if (bytes != entry.fields.bytes) {
    return refused("it unpacks to less than its size says");
  }
  if (crc != entry.fields.crc) {
    return refused("its CRC is wrong: it is damaged");
  }
  return entry.entry.is_directory ? Result<>{} : sink.end();
}

}  // namespace

Result<ArchiveSummary> read_zip(const ByteSource& source, const ArchiveLimits& limits,
                                EntrySink& sink) {
  if (!source.size()) {
    return refused("a ZIP is read from its end, so it has to be a file");
  }
  EntrySet entries(limits);
  HEARTH_ASSIGN(zip::Directory directory,
                zip::read_directory(source, *source.size(), limits, entries));
  HEARTH_TRY(zip::check_layout(source, directory));
  std::vector<char> buffer(kPieceBytes);
  for (const ZipEntry& entry : directory.entries) {
    const Result<> done = unpack(source, entry, buffer, sink);
    if (!done) {
      return in_entry(entry.name, done.error());
    }
  }
  return ArchiveSummary{.format = ArchiveFormat::Zip,
                        .files = entries.files(),
                        .directories = entries.directories(),
                        .bytes = entries.bytes()};
}

}  // namespace hearth::archive
