#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth {
namespace {

TEST(CutTextTest, KeepsWhatFitsAndTheBeginningOfTheRest) {
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("abcd", 3), "abc");
  EXPECT_EQ(cut_text("", 3), "");
  EXPECT_EQ(cut_text("abc", 0), "");
}

TEST(CutTextTest, LeavesOutACharacterThatDoesNotFitWhole) {
  EXPECT_EQ(cut_text("a€b", 3), "a");
  EXPECT_EQ(cut_text("a€b", 4), "a€");
  EXPECT_EQ(cut_text("\x80\x80\x80", 2), "");  // no UTF-8: all of it continues nothing
}

TEST(CutMiddleTest, KeepsWhatFits) {
  const std::string whole(64, 'x');
  EXPECT_EQ(cut_middle(whole, 64), whole);
  EXPECT_EQ(cut_middle("", 64), "");
}

TEST(CutMiddleTest, KeepsBeginningAndEndAndSaysHowMuchIsMissing) {
  const std::string cut = cut_middle("start " + std::string(1'000, 'x') + ": not found", 80);
  EXPECT_EQ(cut, "start " + std::string(37, 'x') + " [960 bytes left out] xxx: not found");
  EXPECT_LE(cut.size(), 80U);
}

TEST(CutMiddleTest, CutsNoCharacterAtAnyLengthAndIsDoneAfterOnce) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += "€";
  }
  for (std::size_t bytes_max = 40; bytes_max < 60; ++bytes_max) {
    const std::string cut = cut_middle(text, bytes_max);
    EXPECT_LE(cut.size(), bytes_max);
    EXPECT_EQ(cut_middle(cut, bytes_max), cut);
    const std::size_t head = cut.find(" [");
    const std::size_t tail = cut.size() - cut.find("] ") - 2;
    ASSERT_NE(head, std::string::npos) << cut;
    EXPECT_EQ(head % 3, 0U) << cut;
    EXPECT_EQ(tail % 3, 0U) << cut;
    EXPECT_NE(cut.find(std::to_string(text.size() - head - tail) + " bytes"), std::string::npos);
  }
}

}  // namespace
}  // namespace hearth
