// The tar of an attempt's result files, as an agent that was broken into may send it: what is found
// lies within it, one behind the other, and is what the writer would have written of it.
//
// Each input is judged twice: as it is, and with the sums of its blocks set right, or hardly any
// change would be seen to matter.
#include "archive/tar_index.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "archive/tar_writer.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

constexpr archive::TarIndexLimits kLimits = {.files_max = 8, .header_bytes_max = 1'024};
constexpr std::size_t kBlock = 512;
constexpr std::size_t kSumAt = 148;

Result<archive::TarIndex> index_of(const std::string& tar) {
  return archive::read_tar_index(
      std::ssize(tar),
      [&tar](std::int64_t offset, std::int64_t bytes) -> Result<std::string> {
        HEARTH_CHECK(offset >= 0 && bytes > 0 && offset + bytes <= std::ssize(tar),
                     "it is read beyond its end");
        HEARTH_CHECK(bytes <= kLimits.header_bytes_max, "more is read than a header may have");
        return tar.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
      },
      kLimits);
}

std::string rewritten(const archive::TarIndex& index, const std::string& tar) {
  std::string out = index.comment.empty() ? "" : archive::tar_comment(index.comment);
  for (const archive::TarFile& file : index.files) {
    out += archive::tar_header({.path = file.path, .bytes = file.bytes}) +
           tar.substr(static_cast<std::size_t>(file.offset), static_cast<std::size_t>(file.bytes)) +
           archive::tar_padding(file.bytes);
  }
  return out + archive::tar_end();
}

bool judge(const std::string& tar) {
  const Result<archive::TarIndex> index = index_of(tar);
  if (!index) {
    check_says_why(index.error());
    return false;
  }
  HEARTH_CHECK(std::ssize(index->files) <= kLimits.files_max, "more files than there may be");
  std::int64_t end = 0;
  for (const archive::TarFile& file : index->files) {
    HEARTH_CHECK(file.offset >= end && file.bytes >= 0, "two files are in one place");
    end = file.offset + file.bytes;
    HEARTH_CHECK(end <= std::ssize(tar), "a file goes beyond the end");
  }
  const std::string again = rewritten(*index, tar);
  const Result<archive::TarIndex> second = index_of(again);
  HEARTH_CHECK(
      second && second->files.size() == index->files.size() && second->comment == index->comment,
      "what the writer writes is not what was read");
  for (std::size_t i = 0; i < index->files.size(); ++i) {
    HEARTH_CHECK(second->files[i].path == index->files[i].path &&
                     second->files[i].bytes == index->files[i].bytes,
                 "a file is another one when it is written");
  }
  return true;
}

std::string with_good_sums(std::string tar) {
  for (std::size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    const auto block = tar.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::all_of(block, block + kBlock, [](char c) { return c == '\0'; })) {
      continue;
    }
    std::fill_n(block + kSumAt, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      sum += static_cast<unsigned char>(tar[at + i]);
    }
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    std::copy_n(digits, 7, block + kSumAt);
  }
  return tar;
}

}  // namespace

bool run(std::string_view input) {
  const std::string tar(input);
  const bool good = judge(tar);
  return judge(with_good_sums(tar)) || good;
}

}  // namespace hearth::fuzz
