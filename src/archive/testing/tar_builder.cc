#include "archive/testing/tar_builder.h"

#include <array>
#include <cstdio>

namespace hearth::archive::testing {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kType = 156;
constexpr std::size_t kPrefix = 345;

std::string octal(std::size_t value, int digits) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*zo", digits, value);
  return text.data();
}

std::string header(const TarItem& item) {
  std::string block(kBlock, '\0');
  put(block, kTarName, item.name);
  put(block, kTarMode, octal(item.mode, 7));
  put(block, kTarSize, octal(item.contents.size(), 11));
  block[kType] = item.type;
  put(block, kTarMagic,
      item.style == TarStyle::Posix ? std::string_view("ustar\00000", 8)
                                    : std::string_view("ustar  \0", 8));
  put(block, kPrefix, item.prefix);
  put(block, kTarChecksum, "        ");
  if (item.before) {
    item.before(block);
  }
  std::size_t sum = 0;
  for (const char c : block) {
    sum += static_cast<unsigned char>(c);
  }
  put(block, kTarChecksum, octal(sum, 6) + std::string("\0 ", 2));
  if (item.after) {
    item.after(block);
  }
  return block;
}

}  // namespace

void put(std::string& block, std::size_t at, std::string_view text) {
  block.replace(at, text.size(), text);
}

std::string tar_end() {
  return std::string(2 * kBlock, '\0');
}

std::string build_tar(const std::vector<TarItem>& items, const std::string& end) {
  std::string tar;
  for (const TarItem& item : items) {
    tar += header(item);
    std::string contents = item.contents;
    contents.resize((contents.size() + kBlock - 1) / kBlock * kBlock);
    if (item.data) {
      item.data(contents);
    }
    tar += contents;
  }
  return tar + end;
}

TarItem pax(const PaxRecords& records, char type) {
  std::string contents;
  for (const auto& [key, value] : records) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) {
      ++length;
    }
    contents += std::to_string(length) + rest;
  }
  return {.name = "PaxHeaders/entry", .contents = contents, .type = type};
}

TarItem gnu_long_name(const std::string& name) {
  return {.name = "././@LongLink", .contents = name + '\0', .type = 'L', .style = TarStyle::Gnu};
}

TarItem tar_directory(const std::string& name) {
  return {.name = name, .contents = "", .type = '5', .mode = 0755};
}

}  // namespace hearth::archive::testing
