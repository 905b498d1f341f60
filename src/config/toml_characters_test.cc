#include "config/toml_characters.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth::config {
namespace {

TEST(TomlCharactersTest, LiftsWhatHasTwoAndThreeBytesAndLowersItAgain) {
  EXPECT_EQ(lift_characters("a"), "a");
  EXPECT_EQ(lift_characters("\u00fc"), "\U000f00fc");
  EXPECT_EQ(lift_characters("\u0080\u07ff\u0800\uffff"),
            "\U000f0080\U000f07ff\U000f0800\U000fffff");
  EXPECT_EQ(lift_characters("\U0001f600"), "\U0001f600");
  for (const std::string text : {"gr\u00fcn \u2028 \u3000 = \ufeff \U0001f600 x", ""}) {
    EXPECT_EQ(lower_characters(lift_characters(text)), text);
  }
}

TEST(TomlCharactersTest, OnlyTheFirstByteOrderMarkStays) {
  EXPECT_EQ(lift_characters("\ufeff\ufeff"), "\ufeff\U000ffeff");
}

TEST(TomlCharactersTest, WhatIsNoUtf8StaysAsItIs) {
  // Cut, too long for what it says, a surrogate, without a lead.
  for (const std::string text :
       {"\xc3", "\xe2\x82", "\xc1\x81", "\xe0\x80\x80", "\xed\xa0\x80", "\x80", "\xf3\xb0\x80"}) {
    EXPECT_EQ(lift_characters(text), text);
  }
  EXPECT_EQ(lower_characters("\xf3\xb0\x80"), "\xf3\xb0\x80");
}

TEST(TomlCharactersTest, PlaneFifteenIsSeenInBothForms) {
  EXPECT_TRUE(has_plane_15("id = \"\U000f00fc\""));
  EXPECT_TRUE(has_plane_15("id = \"\\U000F00FC\""));
  EXPECT_TRUE(has_plane_15("id = \"\\U000f00fc\""));
  EXPECT_FALSE(has_plane_15("id = \"\\U0001F600 \U0001f600 \U00100000 \u00fc\""));
}

}  // namespace
}  // namespace hearth::config
