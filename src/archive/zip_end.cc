#include "archive/zip_end.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "archive/fields.h"
#include "archive/refusal.h"
#include "archive/zip_format.h"

namespace hearth::archive::zip {
namespace {

constexpr std::string_view kEndMagic = "PK\x05\x06";
constexpr std::size_t kEnd64SizeHead = 12;  // what the record's own size does not count

// Where the end record is in `tail`, the last bytes of the archive. Readers differ in which of two
// they take, so there must be no choice.
Result<std::size_t> end_in(std::string_view tail) {
  std::size_t found = std::string_view::npos;
  std::size_t last = std::string_view::npos;
  for (std::size_t at = tail.find(kEndMagic); at != std::string_view::npos;
       at = tail.find(kEndMagic, at + 1)) {
    last = at;
    if (tail.size() - at < kEndBytes || at + kEndBytes + le16(tail, at + 20) != tail.size()) {
      continue;  // may be the end of a ZIP that is stored in this one
    }
    if (found != std::string_view::npos) {
      return refused("it has two ends");
    }
    found = at;
  }
  if (found == std::string_view::npos) {
    return refused(last == std::string_view::npos ? "its end is missing: it is cut off"
                                                  : "it does not end where its end record says");
  }
  if (found != last) {
    return refused("it has another end in its comment");
  }
  return found;
}

Result<> check_disks(std::uint64_t disk, std::uint64_t directory_disk, std::uint64_t entries_here,
                     std::uint64_t entries) {
  if (disk != 0 || directory_disk != 0 || entries_here != entries) {
    return refused("it is a part of an archive in several files");
  }
  return {};
}

// The ZIP64 records stand before `position`, that of the end record, whose fields repeat theirs or
// say that they are elsewhere.
Result<> apply_zip64(const ByteSource& source, std::string_view record, std::string_view locator,
                     std::uint64_t& position, End& end) {
  const std::uint64_t offset = le64(locator, 8);
  const std::uint64_t locator_position = position - kLocator64Bytes;
  if (le32(locator, 4) != 0 || le32(locator, 16) > 1) {
    return refused("it is a part of an archive in several files");
  }
  if (locator_position < kEnd64Bytes || offset != locator_position - kEnd64Bytes) {
    return refused("its ZIP64 end record is not where it has to be");
  }
  std::array<char, kEnd64Bytes> bytes{};
  HEARTH_TRY(source.read_exactly(static_cast<std::int64_t>(offset), bytes));
  const std::string_view record64(bytes.data(), bytes.size());
  if (le32(record64, 0) != kEnd64Signature || le64(record64, 4) != kEnd64Bytes - kEnd64SizeHead) {
    return refused("its ZIP64 end record is damaged");
  }
  HEARTH_TRY(
      check_disks(le32(record64, 16), le32(record64, 20), le64(record64, 24), le64(record64, 32)));
  const End end64{.entries = le64(record64, 32),
                  .directory_offset = le64(record64, 48),
                  .directory_bytes = le64(record64, 40)};
  const auto agrees = [](std::uint64_t small, std::uint64_t elsewhere, std::uint64_t large) {
    return small == elsewhere || small == large;
  };
  if (!agrees(le16(record, 10), kElsewhere16, end64.entries) ||
      !agrees(le32(record, 12), kElsewhere32, end64.directory_bytes) ||
      !agrees(le32(record, 16), kElsewhere32, end64.directory_offset)) {
    return refused("its two end records contradict each other");
  }
  end = end64;
  position = offset;
  return {};
}

}  // namespace

Result<End> find_end(const ByteSource& source, std::int64_t size) {
  std::string tail(static_cast<std::size_t>(std::min<std::int64_t>(
                       size, kLocator64Bytes + kEndBytes + kCommentBytesMax)),
                   '\0');
  HEARTH_TRY(source.read_exactly(size - static_cast<std::int64_t>(tail.size()), tail));
  HEARTH_ASSIGN(const std::size_t at, end_in(tail));
  const std::string_view record = std::string_view(tail).substr(at, kEndBytes);
  std::uint64_t position = static_cast<std::uint64_t>(size) - tail.size() + at;
  End end{.entries = le16(record, 10),
          .directory_offset = le32(record, 16),
          .directory_bytes = le32(record, 12)};
  const bool has_locator =
      at >= kLocator64Bytes && le32(tail, at - kLocator64Bytes) == kLocator64Signature;
  const auto disk = [&](std::size_t field) {
    const std::uint16_t number = le16(record, field);
    return has_locator && number == kElsewhere16 ? 0U : number;
  };
  HEARTH_TRY(check_disks(disk(4), disk(6), le16(record, 8), le16(record, 10)));
  if (has_locator) {
    const std::string_view locator =
        std::string_view(tail).substr(at - kLocator64Bytes, kLocator64Bytes);
    HEARTH_TRY(apply_zip64(source, record, locator, position, end));
  }
  if (end.directory_bytes > position || end.directory_offset != position - end.directory_bytes) {
    return refused("its directory is not where it has to be: before its end, with nothing between");
  }
  return end;
}

}  // namespace hearth::archive::zip
