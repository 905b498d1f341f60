#include "archive/tar_index.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace hearth::archive {
namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::size_t kSumAt = 148;
constexpr std::size_t kSumBytes = 8;

Error damaged() {
  return Error{.code = ErrorCode::DataLoss, .message = "the tar is damaged"};
}

std::string_view field(std::string_view block, std::size_t at, std::size_t bytes) {
  const std::string_view all = block.substr(at, bytes);
  return all.substr(0, all.find('\0'));
}

std::optional<std::int64_t> octal(std::string_view text) {
  while (text.ends_with(' ')) {
    text.remove_suffix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0
             ? std::optional(value)
             : std::nullopt;
}

bool has_good_sum(std::string_view block) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool in_sum = i >= kSumAt && i < kSumAt + kSumBytes;
    sum += in_sum ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return octal(field(block, kSumAt, kSumBytes)) == sum;
}

// The value of `key` in the records of a pax header; none when it is not in them.
Result<std::optional<std::string>> pax_value(std::string_view records, std::string_view key) {
  std::optional<std::string> found;
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [digits, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    const auto front = static_cast<std::size_t>(digits - records.data());
    if (error != std::errc{} || length > records.size() || length < front + 3 ||
        records[front] != ' ' || records[length - 1] != '\n') {
      return damaged();
    }
    const std::string_view record = records.substr(front + 1, length - front - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) {
      return damaged();
    }
    if (record.substr(0, equals) == key) {
      found = std::string(record.substr(equals + 1));
    }
    records.remove_prefix(length);
  }
  return found;
}

class Walk {
 public:
  Walk(std::int64_t size, const ReadTar& read, const TarIndexLimits& limits)
      : size_(size), read_(read), limits_(limits) {}

  Result<TarIndex> go() {
    while (true) {
      HEARTH_ASSIGN(const std::string block, take(kBlock));
      if (std::ranges::all_of(block, [](char c) { return c == '\0'; })) {
        return std::move(index_);
      }
      HEARTH_TRY(entry(block));
    }
  }

 private:
  Result<std::string> take(std::int64_t bytes) {
    if (bytes > size_ - at_) {
      return damaged();
    }
    HEARTH_ASSIGN(std::string taken, read_(at_, bytes));
    if (std::ssize(taken) != bytes) {
      return damaged();
    }
    at_ += bytes;
    return taken;
  }

  Result<> entry(std::string_view block) {
    const auto bytes = octal(field(block, 124, 12));
    if (!has_good_sum(block) || !bytes || *bytes > size_ - at_) {
      return damaged();
    }
    const std::int64_t padded = (*bytes + kBlock - 1) / kBlock * kBlock;
    switch (block[156]) {
      case 'g':
      case 'x':
        return pax(block[156], *bytes, padded);
      case '0':
        return file(field(block, 0, 100), *bytes, padded);
      default:
        return damaged();
    }
  }

  Result<> pax(char type, std::int64_t bytes, std::int64_t padded) {
    if (bytes == 0 || bytes > limits_.header_bytes_max || ++headers_ > limits_.files_max + 1) {
      return damaged();
    }
    HEARTH_ASSIGN(std::string records, take(padded));
    records.resize(static_cast<std::size_t>(bytes));
    HEARTH_ASSIGN(auto value, pax_value(records, type == 'g' ? "comment" : "path"));
    if (value) {
      (type == 'g' ? index_.comment : long_path_) = std::move(*value);
    }
    return {};
  }

  Result<> file(std::string_view name, std::int64_t bytes, std::int64_t padded) {
    TarFile file{.path = long_path_.empty() ? std::string(name) : std::exchange(long_path_, {}),
                 .bytes = bytes,
                 .offset = at_};
    const bool has_nul = file.path.find('\0') != std::string::npos;
    if (has_nul || std::ssize(index_.files) >= limits_.files_max || padded > size_ - at_) {
      return damaged();
    }
    index_.files.push_back(std::move(file));
    at_ += padded;
    return {};
  }

  const std::int64_t size_;
  const ReadTar& read_;
  const TarIndexLimits limits_;
  std::int64_t at_ = 0;
  std::int64_t headers_ = 0;
  std::string long_path_;
  TarIndex index_;
};

}  // namespace

Result<TarIndex> read_tar_index(std::int64_t size, const ReadTar& read,
                                const TarIndexLimits& limits) {
  return Walk(size, read, limits).go();
}

}  // namespace hearth::archive
