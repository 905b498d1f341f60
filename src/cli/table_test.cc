#include "cli/table.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsWhatATerminalShows) {
  Table table({"NAME", "N"});
  table.add({"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "1"});  // three wide characters
  table.add({"abcdef", "2"});
  EXPECT_EQ(table.text(), "NAME    N\n\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E  1\nabcdef  2\n");
}

TEST(TableTest, CellsHoldNothingThatATerminalObeys) {
  EXPECT_EQ(clean_cell("a\x1b[2J\xC2\x9B"
                       "2Jb\nc",
                       60),
            "a?[2J?2Jb?c");
  EXPECT_EQ(clean_cell("abcdefghij", 8), "abcde...");
}

}  // namespace
}  // namespace hearth::cli
