#include "cli/cell_text.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(CellTextTest, WhatATerminalWouldObeyBecomesAQuestionMark) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a?[31mb?");
  EXPECT_EQ(printable("x\xC2\x9By"), "x?y");  // C1: CSI in one character
  EXPECT_EQ(printable("ab\xE2\x80\xAE"
                      "cd"),
            "ab?cd");  // right-to-left override
  EXPECT_EQ(printable("bad \xFF\xC3"), "bad ??");
  EXPECT_EQ(printable("\xC0\xAF\xED\xA0\x80"), "?????");  // overlong, surrogate
  EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F \xE6\x97\xA5"), "gr\xC3\xBC\xC3\x9F \xE6\x97\xA5");
}

TEST(CellTextTest, WidthIsWhatATerminalShows) {
  EXPECT_EQ(display_width("gr\xC3\xBC\xC3\x9F"), 4U);
  EXPECT_EQ(display_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4U);  // two wide characters
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);                 // a combining accent
  EXPECT_EQ(display_width("\xF0\x9F\x94\xA5"), 2U);          // an emoji
}

TEST(CellTextTest, TextIsCutAndPaddedToAWidth) {
  EXPECT_EQ(fit("abcdef", 6), "abcdef");
  EXPECT_EQ(fit("abcdefg", 6), "abc...");
  EXPECT_EQ(fit("abcdefg", 3), "abc");
  EXPECT_EQ(fit("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 5), "\xE6\x97\xA5...");
  EXPECT_EQ(fit("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 3), "\xE6\x97\xA5");
  EXPECT_EQ(pad_right("ab", 4), "ab  ");
  EXPECT_EQ(pad_left("ab", 4), "  ab");
  EXPECT_EQ(pad_left("abcdefg", 4), "a...");
}

TEST(CellTextTest, SizesTakeFourCharactersAndAnUnknownOneADash) {
  EXPECT_EQ(short_bytes(std::nullopt), "-");
  EXPECT_EQ(short_bytes(0), "0");
  EXPECT_EQ(short_bytes(999), "999");
  EXPECT_EQ(short_bytes(1000), "1.0K");
  EXPECT_EQ(short_bytes(512 * 1024), "512K");
  EXPECT_EQ(short_bytes(std::int64_t{1536} * 1024 * 1024), "1.5G");
  EXPECT_EQ(short_bytes(std::int64_t{10} * 1024 * 1024), "10M");
}

TEST(CellTextTest, OtherFigures) {
  EXPECT_EQ(short_number(std::nullopt), "-");
  EXPECT_EQ(short_number(12.345), "12.3");
  EXPECT_EQ(short_number(0.0, 0), "0");
  EXPECT_EQ(short_cores(0), "0");
  EXPECT_EQ(short_cores(0.1), "0.1");
  EXPECT_EQ(short_cores(1.125), "1.125");
  EXPECT_EQ(short_cores(2), "2");
  EXPECT_EQ(short_cores(1'000'000), "1000000");
  EXPECT_EQ(short_count(std::nullopt), "-");
  EXPECT_EQ(short_duration(std::nullopt), "-");
  EXPECT_EQ(short_duration(Duration(850)), "850ms");
  EXPECT_EQ(short_duration(Duration(3'250)), "3.2s");
  EXPECT_EQ(short_duration(std::chrono::seconds(245)), "4m05s");
  EXPECT_EQ(short_duration(std::chrono::minutes(130)), "2h10m");
  EXPECT_EQ(short_duration(std::chrono::hours(76)), "3d04h");
  EXPECT_EQ(short_duration(Duration(-5)), "0ms");
  EXPECT_EQ(clock_time(time_from_ms(3'723'000)), "01:02:03");
  EXPECT_EQ(clock_time(std::nullopt), "-");
}

TEST(CellTextTest, ABarShowsItsShareAndNothingOfWhatIsNotKnown) {
  EXPECT_EQ(bar(0.5, 12), "[|||||     ]");
  EXPECT_EQ(bar(1.7, 6), "[||||]");
  EXPECT_EQ(bar(0.01, 12), "[|         ]");
  EXPECT_EQ(bar(0.0, 4), "[  ]");
  EXPECT_EQ(bar(std::nullopt, 4), "[  ]");
}

}  // namespace
}  // namespace hearth::cli
