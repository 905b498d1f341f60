#include "archive/zip_directory.h"

#include <algorithm>
#include <array>
#include <limits>

#include "archive/fields.h"
#include "archive/refusal.h"
#include "archive/zip_end.h"
#include "archive/zip_extra.h"

namespace hearth::archive::zip {
namespace {

constexpr std::uint32_t kTypeBits = 0170000;
constexpr std::uint32_t kRegularType = 0100000;
constexpr std::uint32_t kDirectoryType = 0040000;
constexpr std::uint64_t kBytesMax = std::numeric_limits<std::int64_t>::max();

Result<> check_fields(const Fields& fields) {
  if ((fields.flags & kEncrypted) != 0) {
    return refused("it is encrypted");
  }
  if ((fields.flags & ~kKnownFlags) != 0) {
    return refused("it has flags that are not known");
  }
  if (fields.method != kStored && fields.method != kDeflated) {
    return refused("its method " + std::to_string(fields.method) +
                   " is not known: entries may be stored (0) or deflated (8)");
  }
  if (fields.method == kStored && fields.packed_bytes != fields.bytes) {
    return refused("it is stored, but in another size than its own");
  }
  if (fields.packed_bytes > kBytesMax || fields.bytes > kBytesMax) {
    return refused("its size is no size");
  }
  return {};
}

// Whether the name, the mode and the attribute of DOS say that it is a directory: they must agree.
// Modes count whatever system is said to have made the archive, since readers follow them.
Result<bool> check_kind(std::string_view name, std::uint32_t attributes) {
  const std::uint32_t type = attributes >> 16U & kTypeBits;
  if (type != 0 && type != kRegularType && type != kDirectoryType) {
    return refused("it is a link, a device or the like; only files and directories are taken");
  }
  const bool is_directory = name.ends_with('/');
  const bool looks_so = type == kDirectoryType || (attributes & kDosDirectory) != 0;
  if ((looks_so && !is_directory) || (type == kRegularType && is_directory)) {
    return refused("it is a file and a directory at once");
  }
  return is_directory;
}

Result<> check_ratio(std::uint64_t bytes, std::uint64_t packed_bytes, const ArchiveLimits& limits) {
  if (bytes > static_cast<std::uint64_t>(limits.ratio_free_bytes) &&
      bytes / static_cast<std::uint64_t>(limits.ratio_max) > packed_bytes) {
    return over_limit("archive_ratio_max", limits.ratio_max,
                      "it unpacks to too many times its packed size");
  }
  return {};
}

// Reads what follows the fixed part of a record: name, extra field, comment.
class Records {
 public:
  Records(const ByteSource& source, const End& end, const ArchiveLimits& limits, EntrySet& entries)
      : source_(source),
        limits_(limits),
        entries_(entries),
        position_(end.directory_offset),
        end_(end.directory_offset + end.directory_bytes) {}

  Result<ZipEntry> next() {
    std::array<char, kCentralBytes> bytes{};
    HEARTH_TRY(take(bytes));
    const std::string_view record(bytes.data(), bytes.size());
    if (le32(record, 0) != kCentralSignature) {
      return refused("its directory is damaged");
    }
    ZipEntry entry;
    HEARTH_TRY(take_name(le16(record, 28), entry.name));
    extra_.resize(le16(record, 30));
    HEARTH_TRY(take(extra_));
    HEARTH_TRY(skip(le16(record, 32)));
    const Result<> admitted = admit(record, entry);
    if (!admitted) {
      return in_entry(entry.name, admitted.error());
    }
    return entry;
  }

  [[nodiscard]] bool has_ended() const { return position_ == end_; }

 private:
  Result<> take(std::span<char> out) {
    const std::uint64_t position = position_;
    HEARTH_TRY(skip(out.size()));
    return source_.read_exactly(static_cast<std::int64_t>(position), out);
  }

  Result<> skip(std::size_t bytes) {
    if (end_ - position_ < bytes) {
      return refused("its directory is cut off");
    }
    position_ += bytes;
    return {};
  }

  // A longer one is read so far as to be shown.
  Result<> take_name(std::size_t bytes, std::string& name) {
    const auto most = static_cast<std::size_t>(limits_.path_bytes_max) + 1;  // the slash
    name.resize(std::min(bytes, most));
    HEARTH_TRY(take(name));
    if (bytes > most) {
      return in_entry(name, over_limit("archive_path_bytes_max", limits_.path_bytes_max,
                                       "the path is too long"));
    }
    return {};
  }

  Result<> admit(std::string_view record, ZipEntry& entry) {
    Fields& fields = entry.fields;
    fields = {.flags = le16(record, 8),
              .method = le16(record, 10),
              .crc = le32(record, 16),
              .packed_bytes = le32(record, 20),
              .bytes = le32(record, 24),
              .offset = le32(record, 42)};
    if (le16(record, 34) != 0) {
      return refused("it is in another file of the archive");
    }
    HEARTH_TRY(apply_extra(extra_, entry.name, fields));
    HEARTH_TRY(check_fields(fields));
    const std::uint32_t attributes = le32(record, 38);
    HEARTH_ASSIGN(const bool is_directory, check_kind(entry.name, attributes));
    if (is_directory && fields.bytes != 0) {
      return refused("it is a directory with contents of its own");
    }
    std::string_view path = entry.name;
    path.remove_suffix(is_directory ? 1 : 0);
    HEARTH_ASSIGN(entry.entry, entries_.admit({.path = path,
                                               .is_directory = is_directory,
                                               .mode = attributes >> 16U,
                                               .bytes = static_cast<std::int64_t>(fields.bytes)}));
    return check_ratio(fields.bytes, fields.packed_bytes, limits_);
  }

  const ByteSource& source_;
  const ArchiveLimits& limits_;
  EntrySet& entries_;
  std::uint64_t position_;
  const std::uint64_t end_;
  std::string extra_;
};

}  // namespace

Result<Directory> read_directory(const ByteSource& source, std::int64_t size,
                                 const ArchiveLimits& limits, EntrySet& entries) {
  HEARTH_ASSIGN(const End end, find_end(source, size));
  if (end.entries > static_cast<std::uint64_t>(limits.entries_max)) {
    return over_limit("archive_entries_max", limits.entries_max, "it has too many entries");
  }
  Records records(source, end, limits, entries);
  Directory directory{.entries = {}, .offset = end.directory_offset};
  for (std::uint64_t i = 0; i < end.entries; ++i) {
    HEARTH_ASSIGN(ZipEntry entry, records.next());
    directory.entries.push_back(std::move(entry));
  }
  if (!records.has_ended()) {
    return refused("its directory has more than the entries it counts");
  }
  HEARTH_TRY(check_ratio(static_cast<std::uint64_t>(entries.bytes()),
                         static_cast<std::uint64_t>(size), limits));
  return directory;
}

}  // namespace hearth::archive::zip
