#include "archive/utf8.h"

#include <gtest/gtest.h>

namespace hearth::archive {
namespace {

TEST(Utf8Test, ValidSequencesAreOneCodePoint) {
  const auto value = [](std::string_view text) {
    const CodePoint next = next_code_point(text);
    EXPECT_TRUE(next.is_valid);
    EXPECT_EQ(next.bytes, text.size());
    return next.value;
  };
  EXPECT_EQ(value("a"), U'a');
  EXPECT_EQ(value("\xc2\x80"), U'\u0080');
  EXPECT_EQ(value("ü"), U'ü');
  EXPECT_EQ(value("€"), U'€');
  EXPECT_EQ(value("\xef\xbf\xbf"), U'\uffff');
  EXPECT_EQ(value("😀"), U'😀');
  EXPECT_EQ(value("\xf4\x8f\xbf\xbf"), U'\U0010ffff');
}

TEST(Utf8Test, WhatIsNotValidIsPassedByteByByte) {
  for (const std::string_view text :
       {"\x80", "\xbf\x41", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3\x41", "\xe0\x80\x80",
        "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff"}) {
    const CodePoint next = next_code_point(text);
    EXPECT_FALSE(next.is_valid) << text;
    EXPECT_EQ(next.bytes, 1U) << text;
  }
}

TEST(Utf8Test, ControlsAndWhatReordersIsUnprintable) {
  for (const char32_t c : {U'\0', U'\n', U'\x1b', U'\x7f', U'\x9b', U'\u061c', U'\u200e', U'\u200f',
                           U'\u2028', U'\u202a', U'\u202e', U'\u2066', U'\u2069', U'\ufeff'}) {
    EXPECT_TRUE(is_unprintable(c)) << static_cast<std::uint32_t>(c);
  }
  // Joiners are part of emoji and of Persian words.
  for (const char32_t c : {U' ', U'~', U'\u00a0', U'é', U'\u200d', U'中', U'😀'}) {
    EXPECT_FALSE(is_unprintable(c)) << static_cast<std::uint32_t>(c);
  }
}

TEST(Utf8Test, NamesThatDifferInCaseFoldAlike) {
  EXPECT_EQ(folded("README.md"), folded("readme.MD"));
  EXPECT_EQ(folded("ÄÖÜ ÀÞ"), folded("äöü àþ"));
  EXPECT_EQ(folded("STRAẞE"), folded("straße"));
  EXPECT_EQ(folded("ŁÓDŹ ŸŹ"), folded("łódź ÿź"));
  EXPECT_EQ(folded("ΆΈΌΏ ΣΟΦΟΣ"), folded("άέόώ σοφος"));
  EXPECT_EQ(folded("Москва Ёж"), folded("МОСКВА ёЖ"));
  EXPECT_EQ(folded("ԱԲ ẠỘ ƠƯ"), folded("աբ ạộ ơư"));
  EXPECT_EQ(folded("\u212a"), folded("k"));  // the sign of Kelvin
  EXPECT_EQ(folded("ＡＢ"), folded("ａｂ"));
}

TEST(Utf8Test, OthersStayApart) {
  EXPECT_NE(folded("a"), folded("b"));
  EXPECT_NE(folded("é"), folded("e\u0301"));
  EXPECT_NE(folded("×"), folded("÷"));
  EXPECT_EQ(folded("中文 😀 ſtraße_ÿ"), "中文 😀 straße_ÿ");
}

}  // namespace
}  // namespace hearth::archive
