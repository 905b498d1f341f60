#include "archive/entry_set.h"

#include <gtest/gtest.h>

namespace hearth::archive {
namespace {

ListedEntry file(std::string_view path, std::int64_t bytes = 0, std::uint32_t mode = 0644) {
  return {.path = path, .is_directory = false, .mode = mode, .bytes = bytes};
}
ListedEntry directory(std::string_view path) {
  return {.path = path, .is_directory = true, .mode = 0755};
}

std::string why_not(EntrySet& entries, const ListedEntry& listed) {
  const Result<Entry> verdict = entries.admit(listed);
  return verdict ? "" : verdict.error().message;
}

TEST(EntrySetTest, CountsWhatPathsImplyOnce) {
  EntrySet entries({});
  EXPECT_TRUE(entries.admit(file("a/b/c", 10)));
  EXPECT_TRUE(entries.admit(file("a/b/d", 5)));
  EXPECT_TRUE(entries.admit(directory("a")));
  EXPECT_TRUE(entries.admit(directory("e")));
  EXPECT_TRUE(entries.admit(file("f")));
  EXPECT_EQ(entries.files(), 3);
  EXPECT_EQ(entries.directories(), 3);
  EXPECT_EQ(entries.bytes(), 15);
}

TEST(EntrySetTest, SaysWhatIsToBeMade) {
  EntrySet entries({});
  EXPECT_EQ(entries.admit(file("a/b/c"))->known_bytes, 0U);
  EXPECT_EQ(entries.admit(file("a/b/d"))->known_bytes, 3U);
  EXPECT_EQ(entries.admit(file("a/e/f"))->known_bytes, 1U);
  EXPECT_EQ(entries.admit(directory("a/e/g"))->known_bytes, 3U);
  EXPECT_EQ(entries.admit(directory("a/e"))->known_bytes, 3U);
}

TEST(EntrySetTest, OnlyFilesAreExecutable) {
  EntrySet entries({});
  EXPECT_TRUE(entries.admit(file("a", 0, 0100755))->is_executable);
  EXPECT_FALSE(entries.admit(file("b", 0, 0100666))->is_executable);
  EXPECT_FALSE(entries.admit(directory("c"))->is_executable);
}

TEST(EntrySetTest, NothingIsListedTwice) {
  EntrySet entries({});
  EXPECT_EQ(why_not(entries, file("a")), "");
  EXPECT_NE(why_not(entries, file("a")).find("twice"), std::string::npos);
  EntrySet directories({});
  EXPECT_EQ(why_not(directories, file("a/b")), "");
  EXPECT_EQ(why_not(directories, directory("a")), "");
  EXPECT_NE(why_not(directories, directory("a")).find("twice"), std::string::npos);
}

TEST(EntrySetTest, NothingDiffersInCaseOnly) {
  for (const auto& [first, second] : std::vector<std::pair<const char*, const char*>>{
           {"Makefile", "makefile"}, {"a/B", "a/b"}, {"Src/x", "src/y"}, {"Ä", "ä"}}) {
    EntrySet entries({});
    EXPECT_EQ(why_not(entries, file(first)), "");
    EXPECT_NE(why_not(entries, file(second)).find("only in upper and lower case"),
              std::string::npos)
        << first;
  }
  EntrySet apart({});
  EXPECT_EQ(why_not(apart, file("a/X")), "");
  EXPECT_EQ(why_not(apart, file("b/x")), "");
}

TEST(EntrySetTest, NothingIsAFileAndADirectory) {
  EntrySet below({});
  EXPECT_EQ(why_not(below, file("a")), "");
  EXPECT_NE(why_not(below, file("a/b")).find("a file in one place"), std::string::npos);
  EntrySet above({});
  EXPECT_EQ(why_not(above, file("a/b")), "");
  EXPECT_NE(why_not(above, file("a")).find("a file in one place"), std::string::npos);
  EntrySet same({});
  EXPECT_EQ(why_not(same, directory("a")), "");
  EXPECT_NE(why_not(same, file("a")).find("a file in one place"), std::string::npos);
}

TEST(EntrySetTest, CountAndSizesHaveTheirLimits) {
  const ArchiveLimits small{.entries_max = 4, .bytes_max = 100, .file_bytes_max = 60};
  const auto limit_of = [&small](const std::vector<ListedEntry>& all) {
    EntrySet entries(small);
    for (const ListedEntry& listed : all) {
      const Result<Entry> verdict = entries.admit(listed);
      if (!verdict) {
        return verdict.error().limit;
      }
    }
    return std::string();
  };
  EXPECT_EQ(limit_of({file("a/b/c/d")}), "");
  EXPECT_EQ(limit_of({file("a/b/c/d/e")}), "archive_entries_max");
  EXPECT_EQ(limit_of({file("a"), file("b"), file("c"), file("d")}), "");
  EXPECT_EQ(limit_of({file("a"), file("b"), file("c"), file("d"), file("e")}),
            "archive_entries_max");
  EXPECT_EQ(limit_of({file("a", 60), file("b", 40)}), "");
  EXPECT_EQ(limit_of({file("a", 61)}), "archive_file_bytes_max");
  EXPECT_EQ(limit_of({file("a", 60), file("b", 41)}), "archive_bytes_max");
}

}  // namespace
}  // namespace hearth::archive
