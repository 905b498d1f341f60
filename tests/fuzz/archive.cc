// Archives of strangers, checked and unpacked. Both functions agree, what is taken is where it has
// to be and what it has to be, and an error may be shown to anybody.
//
// Each input is judged twice: as it is, and with its checksums set right, or hardly any change of a
// ZIP or a tar would be seen to matter.
#include "archive/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "archive/fields.h"
#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/utf8.h"
#include "base/testing/temp_dir.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

namespace fs = std::filesystem;
using archive::ArchiveLimits;
using archive::ArchiveSummary;

// An input has a few KiB; these are met with it.
constexpr ArchiveLimits kLimits{.entries_max = 12,
                                .bytes_max = 96 * 1024,
                                .file_bytes_max = 64 * 1024,
                                .ratio_max = 20,
                                .ratio_free_bytes = 32 * 1024,
                                .depth_max = 6,
                                .name_bytes_max = 200,
                                .path_bytes_max = 400};
constexpr std::size_t kMessageBytesMax = 600;

void check_error(const Error& error) {
  check_says_why(error);
  HEARTH_CHECK(error.kind == archive::kArchiveRefused, "an archive is not refused as one");
  HEARTH_CHECK(error.message.size() <= kMessageBytesMax, "an error is too long");
  for (std::string_view rest = error.message; !rest.empty();) {
    const archive::CodePoint next = archive::next_code_point(rest);
    HEARTH_CHECK(next.is_valid && !archive::is_unprintable(next.value), "an error is no text");
    rest.remove_prefix(next.bytes);
  }
}

// What is below the folder, counted; that it is within the limits, and of two kinds.
ArchiveSummary counted(const fs::path& folder) {
  ArchiveSummary found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    struct stat status {};
    HEARTH_CHECK(::lstat(entry.path().c_str(), &status) == 0, "an entry vanishes");
    const mode_t mode = status.st_mode & 07777U;
    const std::string path = fs::relative(entry.path(), folder).string();
    HEARTH_CHECK(static_cast<std::int64_t>(path.size()) <= kLimits.path_bytes_max, "a long path");
    if (S_ISDIR(status.st_mode)) {
      HEARTH_CHECK(mode == 0755, "a directory's mode");
      ++found.directories;
    } else {
      HEARTH_CHECK(S_ISREG(status.st_mode) && status.st_nlink == 1, "something that is no file");
      HEARTH_CHECK(mode == 0644 || mode == 0755, "a file's mode");
      HEARTH_CHECK(status.st_size <= kLimits.file_bytes_max, "a large file");
      ++found.files;
      found.bytes += status.st_size;
    }
  }
  HEARTH_CHECK(found.files + found.directories <= kLimits.entries_max, "many entries");
  HEARTH_CHECK(found.bytes <= kLimits.bytes_max, "many bytes");
  return found;
}

void judge(std::string_view bytes) {
  static const hearth::testing::TempDir outside;
  const fs::path folder = outside.file("in");
  fs::create_directory(folder);
  const UniqueFd target(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd file = archive::testing::file_of(bytes);
  const Result<ArchiveSummary> checked = archive::check_archive(file.get(), kLimits);
  const Result<ArchiveSummary> extracted =
      archive::extract_archive(file.get(), target.get(), kLimits);
  ArchiveSummary found = counted(folder);
  if (checked) {
    HEARTH_CHECK(extracted && *checked == *extracted, "checking and unpacking differ");
    found.format = checked->format;
    HEARTH_CHECK(found == *checked, "the summary is not what was unpacked");
    HEARTH_CHECK(found.files + found.directories > 0, "nothing is something");
  } else {
    check_error(checked.error());
    HEARTH_CHECK(!extracted && extracted.error().message == checked.error().message,
                 "checking and unpacking differ");
  }
  fs::remove_all(folder);
  HEARTH_CHECK(fs::is_empty(outside.path()), "something is outside of the folder");
}

void put_le32(std::string& bytes, std::size_t at, std::uint32_t value) {
  bytes.replace(at, 4, archive::testing::little_endian(value, 4));
}

// What a tar's header says of its sum, in each block that looks like one.
void mend_tar(std::string& bytes) {
  for (std::size_t block = 0; block + 512 <= bytes.size(); block += 512) {
    if (bytes.compare(block + 257, 5, "ustar") != 0) {
      continue;
    }
    bytes.replace(block + 148, 8, 8, ' ');
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
      sum += static_cast<unsigned char>(bytes[block + i]);
    }
    for (std::size_t digit = 0; digit < 6; ++digit) {
      bytes[block + 148 + 5 - digit] = static_cast<char>('0' + (sum >> 3U * digit & 7U));
    }
    bytes[block + 154] = '\0';
  }
}

std::string inflated(std::string_view packed) {
  std::string out(static_cast<std::size_t>(kLimits.file_bytes_max), '\0');
  z_stream state{};
  HEARTH_CHECK(inflateInit2(&state, -MAX_WBITS) == Z_OK, "zlib does not start");
  std::string in(packed);
  state.next_in = reinterpret_cast<Bytef*>(in.data());
  state.avail_in = static_cast<uInt>(in.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  inflate(&state, Z_FINISH);
  out.resize(state.total_out);
  inflateEnd(&state);
  return out;
}

// The CRC and the size of each entry in a ZIP's directory, and in its local header.
void mend_zip(std::string& bytes) {
  for (std::size_t at = bytes.find("PK\x01\x02"); at != std::string::npos;
       at = bytes.find("PK\x01\x02", at + 4)) {
    if (at + 46 > bytes.size()) {
      return;
    }
    const std::size_t local = archive::le32(bytes, at + 42);
    const std::size_t packed_bytes = archive::le32(bytes, at + 20);
    if (local + 30 > bytes.size() || bytes.compare(local, 4, "PK\x03\x04") != 0) {
      continue;
    }
    const std::size_t data =
        local + 30 + archive::le16(bytes, local + 26) + archive::le16(bytes, local + 28);
    if (data > bytes.size() || packed_bytes > bytes.size() - data) {
      continue;
    }
    const bool is_deflated = archive::le16(bytes, at + 10) == 8;
    const std::string packed = bytes.substr(data, packed_bytes);
    const std::string contents = is_deflated ? inflated(packed) : packed;
    const std::uint32_t crc = archive::testing::crc_of(contents);
    put_le32(bytes, at + 16, crc);
    put_le32(bytes, at + 24, static_cast<std::uint32_t>(contents.size()));
    if ((archive::le16(bytes, at + 8) & 8U) == 0) {
      put_le32(bytes, local + 14, crc);
      put_le32(bytes, local + 18, static_cast<std::uint32_t>(packed_bytes));
      put_le32(bytes, local + 22, static_cast<std::uint32_t>(contents.size()));
    }
  }
}

}  // namespace

bool run(std::string_view input) {
  judge(input);
  std::string mended(input);
  if (input.starts_with("PK")) {
    mend_zip(mended);
  } else {
    mend_tar(mended);
  }
  if (mended != input) {
    judge(mended);
  }
  if (mended.size() >= 512 && mended.compare(257, 5, "ustar") == 0) {
    judge(archive::testing::gzipped(mended));
    judge(archive::testing::zstd_packed(mended));
  }
  return true;
}

}  // namespace hearth::fuzz
