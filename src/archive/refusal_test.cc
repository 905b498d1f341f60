#include "archive/refusal.h"

#include <gtest/gtest.h>

#include "archive/archive.h"

namespace hearth::archive {
namespace {

TEST(RefusalTest, NamesAreShownSoThatNothingInThemActs) {
  EXPECT_EQ(shown("src/main.c"), R"("src/main.c")");
  EXPECT_EQ(shown("ü中😀"), "\"ü中😀\"");
  EXPECT_EQ(shown("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(shown(std::string_view("a\0\n\x1b[2J", 7)), R"("a\x00\x0a\x1b[2J")");
  EXPECT_EQ(shown("\u202egpj.exe"), R"("\xe2\x80\xaegpj.exe")");
  EXPECT_EQ(shown("\xff\xc3"), R"("\xff\xc3")");
  EXPECT_EQ(shown(""), R"("")");
}

TEST(RefusalTest, LongNamesAreCutBetweenCharacters) {
  const auto bytes_max = static_cast<std::size_t>(limits::kArchiveShownNameBytesMax);
  const std::string cut = shown(std::string(5000, 'a'));
  EXPECT_EQ(cut, "\"" + std::string(bytes_max - 1, 'a') + "…\"");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) {
    umlauts += "ü";
  }
  EXPECT_LE(shown(umlauts).size(), bytes_max + std::string("…\"").size());
  EXPECT_TRUE(shown(umlauts).ends_with("ü…\""));
}

TEST(RefusalTest, SaysEntryArchiveAndLimit) {
  const Error error = in_archive(in_entry("a/b", over_limit("archive_x_max", 7, "too much")));
  EXPECT_EQ(error.message, "the archive is refused: entry \"a/b\": too much (archive_x_max is 7)");
  EXPECT_EQ(error.kind, kArchiveRefused);
  EXPECT_EQ(error.limit, "archive_x_max");
  EXPECT_EQ(error.limit_value, 7);
}

TEST(RefusalTest, ErrorsOfTheMachineStayWhatTheyAre) {
  const Error error = in_archive(in_entry("a", system_error("read the archive", 5)));
  EXPECT_TRUE(error.message.starts_with("read the archive: "));
  EXPECT_EQ(error.kind, "");
}

}  // namespace
}  // namespace hearth::archive
