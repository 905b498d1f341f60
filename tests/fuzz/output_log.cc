// A stream's bytes within their bound, and its file reopened from whatever a crash left: a byte
// that is given back is the one that was written, and the bound holds.
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "base/testing/temp_dir.h"
#include "fuzz.h"
#include "output/bounded_log.h"
#include "output/stream_file.h"
#include "output/string_storage.h"

namespace hearth::fuzz {
namespace {

using output::BoundedLog;
using output::LogBounds;

// Each offset has its byte, so that any byte shows where it is from.
char byte_at(std::int64_t offset) {
  return static_cast<char>(static_cast<std::uint64_t>(offset) * 0x9E3779B97F4A7C15U >> 56U);
}

std::string bytes_from(std::int64_t offset, std::int64_t count) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    bytes += byte_at(offset + i);
  }
  return bytes;
}

// Reads all there is in steps of `step`; returns how many bytes that were.
std::int64_t check_reads(BoundedLog& log, std::int64_t step) {
  std::int64_t kept = 0;
  for (std::int64_t at = 0; at < log.size();) {
    const auto slice = log.read(at, step);
    HEARTH_CHECK(slice.has_value(), "what is kept cannot be read");
    const auto count = static_cast<std::int64_t>(slice->bytes.size());
    HEARTH_CHECK(slice->offset >= at && count <= step, "a slice is out of place");
    HEARTH_CHECK(slice->next_offset >= slice->offset + count && slice->next_offset > at,
                 "reading does not go on");
    HEARTH_CHECK(slice->bytes == bytes_from(slice->offset, count), "a byte is another one");
    kept += count;
    at = slice->next_offset;
  }
  return kept;
}

void check_log(std::string_view input) {
  const LogBounds bounds{.head_bytes = take_byte(input) % 16, .tail_bytes = take_byte(input) % 16};
  output::StringStorage storage;
  BoundedLog log(storage, bounds);
  while (!input.empty()) {
    const std::int64_t move = static_cast<std::int8_t>(take_byte(input));
    const std::int64_t count = take_byte(input) % 40;
    const std::int64_t offset =
        std::max<std::int64_t>(0, log.size() + (move < 0 ? move : move / 32));
    const std::int64_t before = log.size();
    HEARTH_CHECK(log.append(offset, bytes_from(offset, count)).has_value(), "bytes are refused");
    const bool is_new = offset + count > before;
    HEARTH_CHECK(log.size() == (is_new ? offset + count : before), "the size is another");
    const std::int64_t kept = check_reads(log, 1 + count % 7);
    HEARTH_CHECK(kept <= bounds.head_bytes + bounds.tail_bytes, "more is kept than the bound");
    HEARTH_CHECK(log.truncated() == (kept < log.size()), "truncated or not");
    BoundedLog reopened(storage, bounds);
    HEARTH_CHECK(reopened.restore_extents(log.extents()).has_value(), "extents do not come back");
    HEARTH_CHECK(reopened.extents() == log.extents() && check_reads(reopened, 64) == kept,
                 "a reopened log differs");
  }
}

// The sidecar is the first line, the file's bytes are the rest.
void check_file(std::string_view input) {
  static const hearth::testing::TempDir folder;
  static const std::string path = folder.file("0/0/stream");
  std::filesystem::create_directories(folder.file("0/0"));
  const std::string_view sidecar = input.substr(0, input.find('\n'));
  input.remove_prefix(std::min(input.size(), sidecar.size() + 1));
  std::ofstream(path, std::ios::trunc) << input;
  std::ofstream(path + ".extents", std::ios::trunc) << sidecar;
  auto file = output::StreamFile::reopen(path, output::FileStorage::Hold::Nothing);
  if (!file) {
    check_says_why(file.error());
    HEARTH_CHECK(file.error().code == ErrorCode::DataLoss ||
                     file.error().code == ErrorCode::ResourceExhausted,
                 "damage has another code");
    return;
  }
  HEARTH_CHECK(*file != nullptr, "a sidecar that is there is not seen");
  std::int64_t at = 0;
  for (int reads = 0; reads < 8 && at < (*file)->size(); ++reads) {
    const auto slice = (*file)->read(at, 4'096);
    if (!slice) {
      check_says_why(slice.error());
      break;
    }
    HEARTH_CHECK(slice->next_offset > at, "reading does not go on");
    at = slice->next_offset;
  }
  const std::int64_t size = (*file)->size();
  const bool has_room = size <= std::numeric_limits<std::int64_t>::max() - 4;
  const bool is_open = (*file)->append(size, "more").has_value();
  HEARTH_CHECK(is_open == has_room && (*file)->size() == size + (has_room ? 4 : 0),
               "a reopened stream does not go on");
}

}  // namespace

bool run(std::string_view input) {
  if (input.starts_with("final") || input.starts_with("open")) {
    check_file(input);
  } else {
    check_log(input);
  }
  return true;
}

}  // namespace hearth::fuzz
