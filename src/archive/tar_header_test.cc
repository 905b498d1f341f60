#include "archive/tar_header.h"

#include <gtest/gtest.h>

#include "archive/testing/tar_builder.h"

namespace hearth::archive::tar {
namespace {

using testing::build_tar;
using testing::kTarChecksum;
using testing::kTarMagic;
using testing::kTarMode;
using testing::kTarName;
using testing::kTarSize;
using testing::put;
using testing::TarItem;
using testing::TarStyle;

Result<Header> parsed(const TarItem& item) {
  return parse_header(build_tar({item}).substr(0, kBlockBytes));
}

std::string why_not(std::function<void(std::string&)> change) {
  const Result<Header> header = parsed({.name = "a", .contents = "", .before = std::move(change)});
  return header ? "" : header.error().message;
}

TEST(TarHeaderTest, BothStylesAreRead) {
  for (const TarStyle style : {TarStyle::Posix, TarStyle::Gnu}) {
    const Result<Header> header =
        parsed({.name = "d/a", .contents = "1234", .mode = 0755, .style = style});
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->name, "d/a");
    EXPECT_EQ(header->mode, 0755U);
    EXPECT_EQ(header->bytes, 4);
    EXPECT_EQ(header->type, '0');
  }
}

TEST(TarHeaderTest, ThePrefixIsPosixOnly) {
  EXPECT_EQ(parsed({.name = "b", .prefix = "some/where"})->name, "some/where/b");
  // GNU has times and the like there.
  EXPECT_EQ(parsed({.name = "b", .style = TarStyle::Gnu, .prefix = "14752313"})->name, "b");
}

TEST(TarHeaderTest, NamesMayFillTheirFields) {
  const std::string name(100, 'n');
  const std::string prefix(155, 'p');
  EXPECT_EQ(parsed({.name = name, .prefix = prefix})->name, prefix + "/" + name);
}

TEST(TarHeaderTest, NamesMayNotGoOnBehindTheirEnd) {
  EXPECT_NE(why_not([](std::string& block) { put(block, kTarName + 2, "b"); }).find("zero byte"),
            std::string::npos);
}

TEST(TarHeaderTest, NumbersHaveManyForms) {
  const auto size_of = [](std::string_view field) {
    const Result<Header> header =
        parsed({.name = "a", .before = [&](std::string& block) { put(block, kTarSize, field); }});
    return header ? header->bytes : -1;
  };
  EXPECT_EQ(size_of("00000000017\0"), 15);
  EXPECT_EQ(size_of("         17 "), 15);
  EXPECT_EQ(size_of(std::string_view("17\0\0\0\0\0\0\0\0\0\0", 12)), 15);
  EXPECT_EQ(size_of("777777777777"), 0777777777777);
  EXPECT_EQ(size_of(std::string_view("\x80\0\0\0\0\0\0\0\0\0\1\2", 12)), 258);
  EXPECT_EQ(size_of(std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
            std::numeric_limits<std::int64_t>::max());
}

TEST(TarHeaderTest, WhatIsNoNumberIsRefused) {
  for (const std::string_view field :
       {std::string_view("            "), std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0", 12),
        std::string_view("-0000000001\0", 12), std::string_view("0000000008\0\0", 12),
        std::string_view("00000000 17\0", 12), std::string_view("0x000000017\0", 12),
        // Negative, and more than 63 bits.
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12),
        std::string_view("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12),
        std::string_view("\x80\1\0\0\0\0\0\0\0\0\0\0", 12),
        std::string_view("\xc0\0\0\0\0\0\0\0\0\0\0\1", 12)}) {
    EXPECT_NE(why_not([field](std::string& block) {
                put(block, kTarSize, field);
              }).find("entry \"a\": its size is no number"),
              std::string::npos)
        << field;
  }
  EXPECT_NE(why_not([](std::string& block) { put(block, kTarMode, "rwxr-xr-"); }).find("its mode"),
            std::string::npos);
}

TEST(TarHeaderTest, ChecksumAndMagicMustBeRight) {
  const auto damaged = [](std::size_t at, std::string_view text) {
    const Result<Header> header =
        parsed({.name = "a", .after = [&](std::string& block) { put(block, at, text); }});
    return header ? "" : header.error().message;
  };
  EXPECT_NE(damaged(kTarName, "b").find("checksum of a header is wrong"), std::string::npos);
  EXPECT_NE(damaged(500, "b").find("checksum of a header is wrong"), std::string::npos);
  EXPECT_NE(damaged(kTarChecksum, "zzz").find("its checksum is no number"), std::string::npos);
  EXPECT_NE(damaged(kTarMagic, "ustat").find("header of the tar is missing"), std::string::npos);
  // As the seventh edition had it.
  EXPECT_NE(damaged(kTarMagic, std::string_view("\0\0\0\0\0\0\0\0", 8)).find("is missing"),
            std::string::npos);
  // Bytes from 0x80 count as what they are.
  EXPECT_TRUE(parsed({.name = "ü\xff"}));
}

}  // namespace
}  // namespace hearth::archive::tar
