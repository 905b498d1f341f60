#include "archive/tar_writer.h"

#include <algorithm>
#include <numeric>

#include "archive/tar_layout.h"

namespace hearth::archive {
namespace {

using tar::Field;

void put(std::string& block, Field field, std::string_view text) {
  block.replace(field.at, std::min(text.size(), field.bytes),
                text.substr(0, std::min(text.size(), field.bytes)));
}

// Leading zeros and a NUL at the end.
void put_octal(std::string& block, Field field, std::int64_t value) {
  std::string digits(field.bytes - 1, '0');
  for (std::size_t i = digits.size(); i > 0 && value > 0; --i, value /= 8) {
    digits[i - 1] = static_cast<char>('0' + value % 8);
  }
  put(block, field, digits);
}

std::string block_of(char type, std::string_view name, std::int64_t bytes, std::int64_t mode,
                     std::int64_t modified_s) {
  std::string block(tar::kBlockBytes, '\0');
  put(block, tar::kName, name);
  put_octal(block, tar::kMode, mode);
  put_octal(block, tar::kUid, 0);
  put_octal(block, tar::kGid, 0);
  put_octal(block, tar::kSize, bytes);
  put_octal(block, tar::kModified, modified_s);
  block[tar::kType.at] = type;
  put(block, tar::kMagic,
      std::string_view("ustar\0"
                       "00",
                       8));
  put(block, tar::kChecksum, "        ");
  const std::int64_t sum =
      std::accumulate(block.begin(), block.end(), std::int64_t{0},
                      [](std::int64_t all, char c) { return all + static_cast<unsigned char>(c); });
  put_octal(block, {tar::kChecksum.at, tar::kChecksum.bytes - 1}, sum);
  return block;
}

// "17 path=some/file\n": the length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // a blank, '=' and the end of the line
  std::size_t length = rest + 1;
  while (length != rest + std::to_string(length).size()) {
    length = rest + std::to_string(length).size();
  }
  std::string record = std::to_string(length);
  record += ' ';
  record += key;
  record += '=';
  record += value;
  record += '\n';
  return record;
}

std::string pax_header(char type, const std::string& records) {
  constexpr std::int64_t kMode0644 = 0644;
  const auto bytes = static_cast<std::int64_t>(records.size());
  return block_of(type, "pax", bytes, kMode0644, 0) + records + tar_padding(bytes);
}

}  // namespace

std::string tar_header(const TarEntry& entry) {
  const std::string path = entry.path + (entry.is_directory ? "/" : "");
  const std::int64_t bytes = entry.is_directory ? 0 : entry.bytes;
  std::string records;
  if (path.size() > tar::kName.bytes) {
    records += pax_record("path", path);
  }
  if (bytes > tar::kOctalSizeMax) {
    records += pax_record("size", std::to_string(bytes));
  }
  const std::int64_t mode = entry.is_directory || entry.is_executable ? 0755 : 0644;
  return (records.empty() ? "" : pax_header('x', records)) +
         block_of(entry.is_directory ? '5' : '0', path, std::min(bytes, tar::kOctalSizeMax), mode,
                  std::clamp<std::int64_t>(entry.modified_s, 0, tar::kOctalSizeMax));
}

std::string tar_padding(std::int64_t bytes) {
  return std::string(static_cast<std::size_t>(tar::padding_of(bytes)), '\0');
}

std::int64_t tar_size(const TarEntry& entry) {
  const std::int64_t bytes = entry.is_directory ? 0 : entry.bytes;
  return std::ssize(tar_header(entry)) + bytes + std::ssize(tar_padding(bytes));
}

std::string tar_comment(std::string_view comment) {
  return pax_header('g', pax_record("comment", comment));
}

std::string tar_end() {
  return std::string(2 * tar::kBlockBytes, '\0');
}

}  // namespace hearth::archive
