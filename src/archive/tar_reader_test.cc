#include "archive/tar_reader.h"

#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/tar_builder.h"

namespace hearth::archive {
namespace {

using testing::build_tar;
using testing::folder;
using testing::gnu_long_name;
using testing::is_over;
using testing::is_refused;
using testing::is_taken;
using testing::pax;
using testing::program;
using testing::tar_directory;
using testing::TarItem;
using testing::TarStyle;
using testing::text;

const TarItem kFile{.name = "a", .contents = "one"};

TEST(TarReaderTest, FilesAndDirectories) {
  const std::string large(200'000, 'l');
  EXPECT_TRUE(is_taken(build_tar({tar_directory("d/"),
                                  {.name = "d/run", .contents = "#!", .mode = 0744},
                                  {.name = "d/empty", .contents = ""},
                                  {.name = "large", .contents = large, .style = TarStyle::Gnu},
                                  {.name = "old", .contents = "x", .type = '\0'},
                                  tar_directory("bare"),
                                  {.name = "c", .contents = std::string(512, 'c'), .prefix = "p"}}),
                       {{"d", folder()},
                        {"d/run", program("#!")},
                        {"d/empty", text("")},
                        {"large", text(large)},
                        {"old", text("x")},
                        {"bare", folder()},
                        {"p", folder()},
                        {"p/c", text(std::string(512, 'c'))}}));
}

TEST(TarReaderTest, LongNames) {
  const std::string name = std::string(150, 'd') + "/" + std::string(200, 'n');
  const testing::Tree tree = {{std::string(150, 'd'), folder()}, {name, text("one")}};
  EXPECT_TRUE(is_taken(build_tar({gnu_long_name(name), kFile}), tree));
  EXPECT_TRUE(is_taken(build_tar({pax({{"path", name}, {"mtime", "1.5"}}), kFile}), tree));
  EXPECT_TRUE(
      is_refused(build_tar({gnu_long_name(name), pax({{"path", name}}), kFile}), "two long names"));
  EXPECT_TRUE(
      is_refused(build_tar({gnu_long_name(name), gnu_long_name(name), kFile}), "described twice"));
  // It is the name of the next entry only.
  EXPECT_TRUE(is_taken(build_tar({gnu_long_name("b"), kFile, kFile}),
                       {{"a", text("one")}, {"b", text("one")}}));
}

TEST(TarReaderTest, WhatGitWritesInFrontIsFine) {
  EXPECT_TRUE(
      is_taken(build_tar({pax({{"comment", "0123abcd"}}, 'g'), kFile}), {{"a", text("one")}}));
  EXPECT_TRUE(is_refused(build_tar({pax({{"path", "evil"}}, 'g'), kFile}), "for all entries"));
}

TEST(TarReaderTest, TheFolderItselfAndNamesBelowIt) {
  // As `tar -c .` has them.
  EXPECT_TRUE(is_taken(build_tar({tar_directory("./"),
                                  {.name = "./a", .contents = "1"},
                                  tar_directory("./d/"),
                                  {.name = "./d/b", .contents = "2"}}),
                       {{"a", text("1")}, {"d", folder()}, {"d/b", text("2")}}));
  EXPECT_TRUE(is_refused(build_tar({{.name = "././a", .contents = "1"}}), "\".\" is no name"));
  EXPECT_TRUE(is_refused(build_tar({{.name = ".", .contents = "1"}}), "\".\" is no name"));
  EXPECT_TRUE(is_refused(build_tar({{.name = "./", .contents = "1"}}), "at once"));
  EXPECT_TRUE(is_refused(build_tar({tar_directory("./")}), "there is nothing in it"));
  EXPECT_TRUE(is_refused(build_tar({{.name = ".//etc/passwd", .contents = "1"}}), "absolute"));
  // Both names are one.
  EXPECT_TRUE(is_refused(build_tar({kFile, {.name = "./a", .contents = "1"}}), "twice"));
}

TEST(TarReaderTest, PathsAreHeldToTheRules) {
  for (const std::string name :
       {"../a", "/etc/passwd", "a/../../b", "a\\b", "C:/a", "a//b", "", "a\nb",
        "\u202e"
        "a",
        "\xff"}) {
    EXPECT_TRUE(is_refused(build_tar({{.name = name, .contents = "x"}}), "entry \"")) << name;
    EXPECT_TRUE(is_refused(build_tar({pax({{"path", name}}), kFile}), "entry \"")) << name;
    EXPECT_TRUE(is_refused(build_tar({gnu_long_name(name), kFile}), "entry \"")) << name;
  }
  const std::string zero("a\0b", 3);
  EXPECT_TRUE(is_refused(build_tar({pax({{"path", zero}}), kFile}), "zero byte"));
  EXPECT_TRUE(is_refused(build_tar({gnu_long_name(zero), kFile}), "zero byte"));
  EXPECT_TRUE(is_refused(build_tar({{.name = "a", .contents = "x", .prefix = ".."}}), "lead out"));
  EXPECT_TRUE(is_refused(build_tar({{.name = "a", .contents = "x", .prefix = "/"}}), "absolute"));
  EXPECT_TRUE(is_over(build_tar({gnu_long_name(std::string(256, 'n')), kFile}),
                      "archive_name_bytes_max", 255));
  EXPECT_TRUE(is_over(build_tar({gnu_long_name(std::string(1'025, 'n')), kFile}),
                      "archive_path_bytes_max", 1'024));
}

TEST(TarReaderTest, OnlyFilesAndDirectories) {
  struct Kind {
    char type;
    const char* what;
  };
  for (const Kind& kind :
       {Kind{'1', "a hard link"}, Kind{'2', "a symbolic link"}, Kind{'3', "a device"},
        Kind{'4', "a device"}, Kind{'6', "a named pipe"}, Kind{'S', "a sparse file"},
        Kind{'7', "not known"}, Kind{'D', "not known"}, Kind{'M', "not known"},
        Kind{'V', "not known"}, Kind{'X', "not known"}}) {
    EXPECT_TRUE(is_refused(build_tar({{.name = "evil", .contents = "", .type = kind.type}}),
                           std::string("entry \"evil\": it is ")))
        << kind.type;
    EXPECT_TRUE(
        is_refused(build_tar({{.name = "evil", .contents = "", .type = kind.type}}), kind.what));
  }
  EXPECT_TRUE(is_refused(build_tar({{.name = "././@LongLink", .contents = "/etc", .type = 'K'},
                                    {.name = "evil", .contents = "", .type = '2'}}),
                         "a symbolic link"));
  EXPECT_TRUE(is_refused(build_tar({{.name = "a/", .contents = "1"}}), "at once"));
  EXPECT_TRUE(is_refused(build_tar({{.name = "a/", .contents = "1", .type = '5'}}),
                         "a directory with contents"));
  for (const unsigned bit : {04000U, 02000U, 01000U}) {
    EXPECT_TRUE(
        is_refused(build_tar({{.name = "a", .contents = "", .mode = 0755 | bit}}), "set-user-id"));
  }
}

TEST(TarReaderTest, ClashesAreRefused) {
  EXPECT_TRUE(is_refused(build_tar({kFile, kFile}), "twice"));
  EXPECT_TRUE(is_refused(build_tar({kFile, {.name = "A", .contents = ""}}), "lower case"));
  EXPECT_TRUE(is_refused(build_tar({kFile, {.name = "a/b", .contents = ""}}), "in one place"));
}

TEST(TarReaderTest, ItMayEndWithoutItsEnd) {
  const testing::Tree tree = {{"a", text("one")}};
  EXPECT_TRUE(is_taken(build_tar({kFile}, ""), tree));
  EXPECT_TRUE(is_taken(build_tar({kFile}, std::string(512, '\0')), tree));
  EXPECT_TRUE(is_taken(build_tar({kFile}, std::string(10'240, '\0')), tree));
  EXPECT_TRUE(is_taken(build_tar({kFile}, std::string(1 << 20, '\0')), tree));
}

TEST(TarReaderTest, NothingElseMayFollow) {
  EXPECT_TRUE(is_refused(build_tar({kFile}) + "x", "something follows its end"));
  EXPECT_TRUE(is_refused(build_tar({kFile}) + build_tar({{.name = "b", .contents = "2"}}),
                         "something follows its end"));
  EXPECT_TRUE(is_refused(build_tar({kFile}, std::string(512, '\0')) + build_tar({kFile}),
                         "something follows its end"));
  EXPECT_TRUE(is_over(build_tar({kFile}, std::string((1 << 20) + 1, '\0')),
                      "archive_tar_padding_bytes_max", 1 << 20));
  EXPECT_TRUE(is_refused(build_tar({kFile}, "") + std::string(512, 'x'), "header of the tar"));
}

TEST(TarReaderTest, ItMayNotBeCutOff) {
  const std::string tar = build_tar(
      {kFile, pax({{"path", "b"}}), {.name = "x", .contents = std::string(700, 'x')}}, "");
  for (std::size_t bytes = 512; bytes < tar.size(); bytes += 64) {
    if (bytes == 1'024) {
      continue;  // after the first entry, where it may end
    }
    EXPECT_TRUE(is_refused(tar.substr(0, bytes), "it is cut off")) << bytes;
  }
  EXPECT_TRUE(is_refused(build_tar({kFile, pax({{"path", "b"}})}), "without its entry"));
}

TEST(TarReaderTest, LimitsAreHeldBeforeContentsAreRead) {
  const auto with_size = [](std::string_view size) {
    return build_tar({{.name = "a", .contents = "x", .before = [&](std::string& block) {
                         testing::put(block, testing::kTarSize, size);
                       }}});
  };
  EXPECT_TRUE(
      is_over(with_size("77777777777\0"), "archive_file_bytes_max", limits::kArchiveFileBytesMax));
  EXPECT_TRUE(is_over(with_size(std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
                      "archive_file_bytes_max", limits::kArchiveFileBytesMax));
  EXPECT_TRUE(
      is_refused(with_size("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "no number"));
  EXPECT_TRUE(is_refused(with_size("00000100000\0"), "it is cut off"));
  EXPECT_TRUE(is_over(build_tar({pax({{"size", "8589934592"}}), kFile}), "archive_file_bytes_max",
                      limits::kArchiveFileBytesMax));
  EXPECT_TRUE(is_over(build_tar({kFile, {.name = "b", .contents = "two"}}), "archive_bytes_max", 5,
                      {.bytes_max = 5}));
  EXPECT_TRUE(is_over(build_tar({kFile, {.name = "b", .contents = ""}}), "archive_entries_max", 1,
                      {.entries_max = 1}));
}

TEST(TarReaderTest, DescriptionsHaveALimit) {
  const auto with_comment = [](std::size_t bytes) {
    TarItem item = pax({{"comment", std::string(bytes - 15, 'c')}});
    EXPECT_EQ(item.contents.size(), bytes);
    return build_tar({item, kFile});
  };
  EXPECT_TRUE(is_taken(with_comment(64 << 10), {{"a", text("one")}}));
  EXPECT_TRUE(is_over(with_comment((64 << 10) + 1), "archive_tar_record_bytes_max", 64 << 10));
}

TEST(TarReaderTest, EveryDamagedByteOfAHeaderIsFoundOut) {
  const std::string tar = build_tar({kFile});
  for (std::size_t at = 0; at < 512; ++at) {
    std::string damaged = tar;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    EXPECT_TRUE(is_refused(damaged, "refused")) << at;
  }
}

}  // namespace
}  // namespace hearth::archive
