#include "archive/testing/zip_builder.h"

#include "archive/testing/pack.h"

namespace hearth::archive::testing {
namespace {

template <class Hook, class... Values>
void run_hook(const Hook& hook, Values&... values) {
  if (hook) {
    hook(values...);
  }
}

std::string le2(std::uint64_t value) {
  return little_endian(value, 2);
}
std::string le4(std::uint64_t value) {
  return little_endian(value, 4);
}
std::string le8(std::uint64_t value) {
  return little_endian(value, 8);
}

std::string shared_fields(const ZipHeader& header) {
  return le2(20) + le2(header.fields.flags) + le2(header.fields.method) + le4(0x5c21'0000) +
         le4(header.fields.crc) + le4(header.fields.packed_bytes) + le4(header.fields.bytes) +
         le2(header.name.size()) + le2(header.extra.size());
}

std::string local_header(const ZipHeader& header) {
  return le4(header.signature) + shared_fields(header) + header.name + header.extra;
}

std::string central_header(const ZipHeader& header) {
  return le4(header.signature) + le2(0x0314) + shared_fields(header) + le2(header.comment.size()) +
         le2(header.disk) + le2(0) + le4(header.attributes) + le4(header.fields.offset) +
         header.name + header.extra + header.comment;
}

std::string descriptor(const zip::Fields& fields, std::size_t bytes) {
  const std::size_t width = bytes < 20 ? 4 : 8;
  return (bytes % 8 == 0 ? le4(zip::kDescriptorSignature) : "") + le4(fields.crc) +
         little_endian(fields.packed_bytes, width) + little_endian(fields.bytes, width);
}

std::string end_record(const ZipEnd& end) {
  return le4(zip::kEndSignature) + le2(end.disk) + le2(end.directory_disk) + le2(end.entries_here) +
         le2(end.entries) + le4(end.directory_bytes) + le4(end.directory_offset) +
         le2(end.comment.size()) + end.comment;
}

std::string end_records64(ZipEnd& end, const ZipOptions& options, std::uint64_t offset) {
  ZipEnd end64 = end;
  run_hook(options.end64, end64);
  std::string locator = le4(zip::kLocator64Signature) + le4(0) + le8(offset) + le4(1);
  run_hook(options.locator, locator);
  end.entries = end.entries_here = zip::kElsewhere16;
  end.directory_bytes = end.directory_offset = zip::kElsewhere32;
  return le4(zip::kEnd64Signature) + le8(zip::kEnd64Bytes - 12) + le2(45) + le2(45) +
         le4(end64.disk) + le4(end64.directory_disk) + le8(end64.entries_here) +
         le8(end64.entries) + le8(end64.directory_bytes) + le8(end64.directory_offset) + locator;
}

// Appends the entry to `archive` and its central header to `directory`.
void add_item(const ZipItem& item, std::string& archive, std::string& directory) {
  std::string data = item.method == zip::kDeflated ? deflated(item.contents) : item.contents;
  const zip::Fields fields{.flags = item.flags,
                           .method = item.method,
                           .crc = crc_of(item.contents),
                           .packed_bytes = data.size(),
                           .bytes = item.contents.size(),
                           .offset = archive.size()};
  ZipHeader central{.name = item.name,
                    .attributes = item.mode << 16U,
                    .fields = fields,
                    .signature = zip::kCentralSignature};
  run_hook(item.both, central);
  ZipHeader local = central;
  local.signature = zip::kLocalSignature;
  std::string behind = descriptor(fields, item.descriptor);
  if (item.descriptor == 0) {
    behind.clear();
  } else {
    central.fields.flags |= zip::kHasDescriptor;
    local.fields.flags |= zip::kHasDescriptor;
    local.fields.crc = 0;
    local.fields.packed_bytes = local.fields.bytes = 0;
  }
  run_hook(item.local, local);
  run_hook(item.central, central);
  run_hook(item.data, data, behind);
  archive += local_header(local) + data + behind;
  directory += central_header(central);
}

}  // namespace

std::string build_zip(const std::vector<ZipItem>& items, const ZipOptions& options) {
  std::string archive;
  std::string directory;
  for (const ZipItem& item : items) {
    add_item(item, archive, directory);
  }
  archive += options.before_directory;
  ZipEnd end{.entries_here = items.size(),
             .entries = items.size(),
             .directory_bytes = directory.size(),
             .directory_offset = archive.size()};
  archive += directory + options.after_directory;
  if (options.has_zip64) {
    archive += end_records64(end, options, archive.size());
  }
  run_hook(options.end, end);
  return archive + end_record(end);
}

ZipItem zip_directory(const std::string& name) {
  return {.name = name, .mode = 040755};
}

}  // namespace hearth::archive::testing
