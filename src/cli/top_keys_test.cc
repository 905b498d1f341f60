#include "cli/top_keys.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

Key text(const std::string& of) {
  return {KeyKind::Text, of};
}

TopAction type(TopView& view, const std::string& bytes) {
  KeyDecoder decoder;
  TopAction last = TopAction::None;
  for (const Key& key : decoder.feed(bytes)) {
    last = press(view, key, 10);
  }
  for (const Key& key : decoder.flush()) {
    last = press(view, key, 10);
  }
  return last;
}

TEST(TopKeysTest, SequencesAreKeysAlsoWhenTheyArriveInParts) {
  KeyDecoder decoder;
  EXPECT_EQ(decoder.feed("c\x1b[A"), (std::vector<Key>{text("c"), {KeyKind::Up, {}}}));
  EXPECT_TRUE(decoder.feed("\x1b").empty());
  EXPECT_TRUE(decoder.is_open());
  EXPECT_TRUE(decoder.feed("[6").empty());
  EXPECT_EQ(decoder.feed("~q"), (std::vector<Key>{{KeyKind::PageDown, {}}, text("q")}));
  EXPECT_FALSE(decoder.is_open());
  EXPECT_TRUE(decoder.feed("\xC3").empty());
  EXPECT_EQ(decoder.feed("\xBC"), (std::vector<Key>{text("\xC3\xBC")}));
}

TEST(TopKeysTest, AnEscapeThatNothingFollowsIsThatKey) {
  KeyDecoder decoder;
  EXPECT_TRUE(decoder.feed("\x1b").empty());
  EXPECT_EQ(decoder.flush(), (std::vector<Key>{{KeyKind::Escape, {}}}));
  EXPECT_EQ(decoder.feed("\x1bq"), (std::vector<Key>{{KeyKind::Escape, {}}, text("q")}));
}

TEST(TopKeysTest, UnknownSequencesAreTakenWhole) {
  KeyDecoder decoder;
  EXPECT_EQ(decoder.feed("\x1b[15~q"), (std::vector<Key>{text("q")}));
  // One that never ends does not take all that follows: its first 16 bytes only.
  EXPECT_EQ(decoder.feed("\x1b[" + std::string(14, '0') + "q"), (std::vector<Key>{text("q")}));
}

TEST(TopKeysTest, LettersSortAndRTurnsTheOrder) {
  TopView view;
  type(view, "m");
  EXPECT_EQ(view.order.sort, TopSort::Memory);
  type(view, "r");
  EXPECT_TRUE(view.order.reversed);
  type(view, "i");
  EXPECT_EQ(view.order.sort, TopSort::Io);
  EXPECT_FALSE(view.order.reversed);
  type(view, "u");
  EXPECT_EQ(view.order.sort, TopSort::Uptime);
  type(view, "n");
  EXPECT_EQ(view.order.sort, TopSort::Name);
  type(view, "c");
  EXPECT_EQ(view.order.sort, TopSort::Cpu);
}

TEST(TopKeysTest, DigitsAndTabChooseAPart) {
  TopView view;
  type(view, "4");
  EXPECT_EQ(view.part, TopPart::Queue);
  type(view, "\t");
  EXPECT_EQ(view.part, TopPart::Failures);
  type(view, "\t");
  EXPECT_FALSE(view.part);
  type(view, "\t");
  EXPECT_EQ(view.part, TopPart::Machines);
  type(view, "\x1b[Z\x1b[Z");
  EXPECT_EQ(view.part, TopPart::Failures);
  type(view, "0");
  EXPECT_FALSE(view.part);
}

TEST(TopKeysTest, TheFilterIsTypedKeptAndTakenAway) {
  TopView view;
  type(view, "/qm");
  EXPECT_TRUE(view.is_editing);
  EXPECT_EQ(view.order.filter, "qm");
  type(view, "\xC3\xBC\x7f\x7fx\r");
  EXPECT_FALSE(view.is_editing);
  EXPECT_EQ(view.order.filter, "qx");
  type(view, "/\x1b");
  EXPECT_FALSE(view.is_editing);
  EXPECT_EQ(view.order.filter, "");
  type(view,
       "/abc\x15"
       "d\r\x1b");
  EXPECT_EQ(view.order.filter, "");
  type(view, "/" + std::string(1'000, 'x') + "\r");
  EXPECT_EQ(view.order.filter.size(), 200U);
}

TEST(TopKeysTest, ArrowsAndPagesScroll) {
  TopView view;
  type(view, "\x1b[B\x1b[B\x1b[6~");
  EXPECT_EQ(view.scroll, 12U);
  type(view, "\x1b[A");
  EXPECT_EQ(view.scroll, 11U);
  type(view, "\x1b[5~\x1b[5~");
  EXPECT_EQ(view.scroll, 0U);
  type(view, "\x1b[F");
  EXPECT_GT(view.scroll, 1'000'000U);
  type(view, "\x1b[H");
  EXPECT_EQ(view.scroll, 0U);
}

TEST(TopKeysTest, SpacePausesAndQLeaves) {
  TopView view;
  type(view, " ");
  EXPECT_TRUE(view.is_paused);
  type(view, " ");
  EXPECT_FALSE(view.is_paused);
  EXPECT_EQ(type(view, "q"), TopAction::Leave);
  EXPECT_EQ(type(view, "/\x03"), TopAction::Leave);  // also while the filter is typed
  EXPECT_EQ(type(view, "\x1a"), TopAction::Suspend);
  EXPECT_EQ(type(view, "\x0c"), TopAction::Redraw);
}

TEST(TopKeysTest, AnyKeyLeavesTheHelp) {
  TopView view;
  type(view, "?");
  EXPECT_TRUE(view.is_help);
  type(view, "m");
  EXPECT_FALSE(view.is_help);
  EXPECT_EQ(view.order.sort, TopSort::Cpu);
  EXPECT_EQ(type(view, "?q"), TopAction::Leave);
}

}  // namespace
}  // namespace hearth::cli
