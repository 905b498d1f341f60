#include "archive/zip_layout.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "archive/fields.h"
#include "archive/refusal.h"
#include "archive/zip_extra.h"

namespace hearth::archive::zip {
namespace {

// What a header may say before the data is known: nothing, when a descriptor follows the data.
template <class Number>
bool agrees(Number local, Number central, bool has_descriptor) {
  return local == central || (has_descriptor && local == 0);
}

// Reads the local header of `entry` and sets where its data begins.
Result<> check_local(const ByteSource& source, ZipEntry& entry) {
  std::array<char, kLocalBytes> bytes{};
  const auto offset = static_cast<std::int64_t>(entry.fields.offset);
  HEARTH_TRY(source.read_exactly(offset, bytes));
  const std::string_view header(bytes.data(), bytes.size());
  if (le32(header, 0) != kLocalSignature) {
    return refused("its local header is not where the directory says");
  }
  if (le16(header, 26) != entry.name.size()) {
    return refused("its local header has another name");
  }
  std::string rest(entry.name.size() + le16(header, 28), '\0');
  HEARTH_TRY(source.read_exactly(offset + static_cast<std::int64_t>(kLocalBytes), rest));
  const std::string_view extra = std::string_view(rest).substr(entry.name.size());
  if (!rest.starts_with(entry.name)) {
    return refused("its local header has another name");
  }
  Fields local{.flags = le16(header, 6),
               .method = le16(header, 8),
               .crc = le32(header, 14),
               .packed_bytes = le32(header, 18),
               .bytes = le32(header, 22)};
  HEARTH_TRY(apply_extra(extra, entry.name, local));
  const Fields& central = entry.fields;
  if (local.flags != central.flags || local.method != central.method) {
    return refused("its local header has other flags or another method than the directory");
  }
  const bool has_descriptor = (central.flags & kHasDescriptor) != 0;
  if (!agrees(local.crc, central.crc, has_descriptor) ||
      !agrees(local.packed_bytes, central.packed_bytes, has_descriptor) ||
      !agrees(local.bytes, central.bytes, has_descriptor)) {
    return refused("its local header has another size or CRC than the directory");
  }
  entry.data_offset = central.offset + kLocalBytes + rest.size();
  return {};
}

// A descriptor repeats CRC and sizes, with a signature or without, the sizes with 4 or 8 bytes:
// four forms, told apart by the room that there is for it.
Result<> check_descriptor(const ByteSource& source, const Fields& central, std::uint64_t offset,
                          std::uint64_t bytes) {
  std::array<char, 24> buffer{};
  if (bytes != 12 && bytes != 16 && bytes != 20 && bytes != 24) {
    return refused("its data descriptor is missing, or more than that follows its data");
  }
  const auto room = std::span(buffer).first(static_cast<std::size_t>(bytes));
  HEARTH_TRY(source.read_exactly(static_cast<std::int64_t>(offset), room));
  std::string_view record(room.data(), room.size());
  if (bytes % 8 == 0) {
    if (le32(record, 0) != kDescriptorSignature) {
      return refused("its data descriptor is damaged");
    }
    record.remove_prefix(4);
  }
  const std::size_t width = bytes < 20 ? 4 : 8;
  if (le32(record, 0) != central.crc || le(record, 4, width) != central.packed_bytes ||
      le(record, 4 + width, width) != central.bytes) {
    return refused("its data descriptor has another size or CRC than the directory");
  }
  return {};
}

// What is between the entry's data and `next`, where something else begins.
Result<> check_end(const ByteSource& source, const ZipEntry& entry, std::uint64_t next) {
  if (entry.data_offset > next || entry.fields.packed_bytes > next - entry.data_offset) {
    return refused("it overlaps what follows it");
  }
  const std::uint64_t end = entry.data_offset + entry.fields.packed_bytes;
  if ((entry.fields.flags & kHasDescriptor) != 0) {
    return check_descriptor(source, entry.fields, end, next - end);
  }
  if (end != next) {
    return refused("bytes that belong to no entry follow it");
  }
  return {};
}

}  // namespace

Result<> check_layout(const ByteSource& source, Directory& directory) {
  std::vector<ZipEntry*> in_order;
  for (ZipEntry& entry : directory.entries) {
    in_order.push_back(&entry);
  }
  std::sort(in_order.begin(), in_order.end(), [](const ZipEntry* a, const ZipEntry* b) {
    return a->fields.offset < b->fields.offset;
  });
  const std::uint64_t first = in_order.empty() ? directory.offset : in_order[0]->fields.offset;
  if (first != 0) {
    return refused("bytes that belong to no entry stand before the first");
  }
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    ZipEntry& entry = *in_order[i];
    const std::uint64_t next =
        i + 1 < in_order.size() ? in_order[i + 1]->fields.offset : directory.offset;
    const bool is_placed = entry.fields.offset < next;
    Result<> good = is_placed ? check_local(source, entry) : refused("it overlaps what follows it");
    if (good) {
      good = check_end(source, entry, next);
    }
    if (!good) {
      return in_entry(entry.name, good.error());
    }
  }
  return {};
}

}  // namespace hearth::archive::zip
