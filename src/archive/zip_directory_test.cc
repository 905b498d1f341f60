// What the directory of a ZIP says of its entries.
#include "archive/zip_directory.h"

#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::build_zip;
using testing::folder;
using testing::is_over;
using testing::is_refused;
using testing::is_taken;
using testing::little_endian;
using testing::program;
using testing::text;
using testing::zip_directory;
using testing::ZipHeader;
using testing::ZipItem;

ZipItem changed(std::function<void(ZipHeader&)> change) {
  return {.name = "a", .contents = "one", .both = std::move(change)};
}

TEST(ZipDirectoryTest, FilesAndDirectoriesWithTheirModes) {
  EXPECT_TRUE(is_taken(build_zip({zip_directory("empty/"),
                                  zip_directory("d/"),
                                  {.name = "d/plain", .contents = "1", .mode = 0100600},
                                  {.name = "d/run.sh", .contents = "2", .mode = 0100711},
                                  {.name = "no/mode/at/all", .contents = "3", .mode = 0}}),
                       {{"empty", folder()},
                        {"d", folder()},
                        {"d/plain", text("1")},
                        {"d/run.sh", program("2")},
                        {"no", folder()},
                        {"no/mode", folder()},
                        {"no/mode/at", folder()},
                        {"no/mode/at/all", text("3")}}));
}

TEST(ZipDirectoryTest, PathsAreHeldToTheRules) {
  for (const std::string name :
       {"../a", "/etc/passwd", "a/../../b", "a\\b", "C:/a", ".", "./a", "a//b", "", "..", "a\nb",
        "\u202e"
        "a",
        "\xff"}) {
    EXPECT_TRUE(is_refused(build_zip({{.name = name, .contents = "x"}}), "entry \"")) << name;
  }
  EXPECT_TRUE(is_refused(build_zip({{.name = std::string("a\0b", 3), .contents = "x"}}),
                         "entry \"a\\x00b\": the name contains a zero byte"));
  EXPECT_TRUE(is_refused(build_zip({zip_directory("/")}), "the name is empty"));
  EXPECT_TRUE(is_refused(build_zip({zip_directory("a//")}), "is empty"));
  EXPECT_TRUE(is_refused(build_zip({zip_directory("../")}), "would lead out"));
  EXPECT_TRUE(is_over(build_zip({{.name = std::string(256, 'n'), .contents = "x"}}),
                      "archive_name_bytes_max", 255));
  EXPECT_TRUE(is_over(build_zip({{.name = std::string(60'000, 'n'), .contents = "x"}}),
                      "archive_path_bytes_max", 1'024));
  std::string deep;
  for (int i = 0; i < 500; ++i) {
    deep += "d/";
  }
  EXPECT_TRUE(is_over(build_zip({{.name = deep + "f", .contents = "x"}}), "archive_depth_max", 32));
}

TEST(ZipDirectoryTest, ClashesAreRefused) {
  const auto both = [](const std::string& first, const std::string& second) {
    return build_zip({{.name = first, .contents = "1"}, {.name = second, .contents = "2"}});
  };
  EXPECT_TRUE(is_refused(both("a", "a"), "entry \"a\": it is in the archive twice"));
  EXPECT_TRUE(is_refused(both("README", "readme"), "only in upper and lower case"));
  EXPECT_TRUE(is_refused(both("Ä/x", "ä/y"), "only in upper and lower case"));
  EXPECT_TRUE(is_refused(both("a/b", "a"), "a file in one place"));
  EXPECT_TRUE(is_refused(both("a", "a/b"), "a file in one place"));
  EXPECT_TRUE(is_refused(build_zip({zip_directory("a/"), {.name = "a", .contents = "1"}}),
                         "a file in one place"));
  EXPECT_TRUE(is_refused(build_zip({zip_directory("a/"), zip_directory("a/")}), "twice"));
}

TEST(ZipDirectoryTest, OnlyFilesAndDirectories) {
  for (const std::uint32_t type :
       {0120000U, 0020000U, 0060000U, 0010000U, 0140000U, 0160000U}) {  // a link first
    EXPECT_TRUE(is_refused(build_zip({{.name = "a", .contents = "/etc", .mode = type | 0777}}),
                           "a link, a device or the like"))
        << type;
  }
  for (const std::uint32_t bit : {04000U, 02000U, 01000U}) {
    EXPECT_TRUE(is_refused(build_zip({{.name = "a", .contents = "x", .mode = 0100755 | bit}}),
                           "set-user-id"))
        << bit;
  }
}

TEST(ZipDirectoryTest, NameModeAndAttributeMustAgree) {
  const auto twofold = "a file and a directory at once";
  EXPECT_TRUE(is_refused(build_zip({{.name = "a", .contents = "", .mode = 040755}}), twofold));
  EXPECT_TRUE(is_refused(build_zip({{.name = "a/", .contents = "", .mode = 0100644}}), twofold));
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& header) { header.attributes = 0x10; })}),
                         twofold));
  EXPECT_TRUE(is_taken(build_zip({{.name = "a/", .contents = "", .mode = 0}}), {{"a", folder()}}));
  EXPECT_TRUE(is_refused(build_zip({{.name = "a/", .contents = "x", .mode = 040755}}),
                         "a directory with contents"));
  // As Java writes it.
  EXPECT_TRUE(
      is_taken(build_zip({{.name = "a/", .contents = "", .method = zip::kDeflated, .mode = 0}}),
               {{"a", folder()}}));
}

TEST(ZipDirectoryTest, MethodsAndFlagsThatAreNotKnown) {
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& h) { h.fields.flags = 1; })}),
                         "entry \"a\": it is encrypted"));
  for (const int bit : {4, 5, 6, 7, 13, 15}) {
    EXPECT_TRUE(is_refused(build_zip({changed([bit](ZipHeader& h) {
                             h.fields.flags = static_cast<std::uint16_t>(1U << bit);
                           })}),
                           "flags that are not known"))
        << bit;
  }
  for (const int number : {1, 9, 12, 14, 93, 99, 65'535}) {
    const auto method = static_cast<std::uint16_t>(number);
    EXPECT_TRUE(
        is_refused(build_zip({changed([method](ZipHeader& h) { h.fields.method = method; })}),
                   "method " + std::to_string(method) + " is not known"));
  }
  EXPECT_TRUE(is_taken(build_zip({{.name = "ü", .contents = "x", .flags = 1U << 11U}}),
                       {{"ü", text("x")}}));
}

TEST(ZipDirectoryTest, SizesThatLieAreRefused) {
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& h) { h.fields.bytes = 4; })}),
                         "stored, but in another size"));
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& h) { h.fields.packed_bytes = 2; })}),
                         "stored, but in another size"));
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& h) { h.disk = 1; })}),
                         "in another file of the archive"));
  EXPECT_TRUE(is_refused(build_zip({changed([](ZipHeader& h) { h.signature = 0; })}),
                         "its directory is damaged"));
}

TEST(ZipDirectoryTest, Zip64SizesOfAnEntry) {
  const auto with_zip64 = [](std::uint64_t bytes, std::uint64_t packed) {
    return changed([=](ZipHeader& h) {
      h.fields.bytes = h.fields.packed_bytes = zip::kElsewhere32;
      h.extra = little_endian(1, 2) + little_endian(16, 2) + little_endian(bytes, 8) +
                little_endian(packed, 8);
    });
  };
  EXPECT_TRUE(is_taken(build_zip({with_zip64(3, 3)}), {{"a", text("one")}}));
  EXPECT_TRUE(is_refused(build_zip({with_zip64(3, 4)}), "stored, but in another size"));
  EXPECT_TRUE(is_refused(build_zip({with_zip64(~0ULL, ~0ULL)}), "its size is no size"));
  EXPECT_TRUE(is_over(build_zip({with_zip64(1ULL << 40U, 1ULL << 40U)}), "archive_file_bytes_max",
                      limits::kArchiveFileBytesMax));
  const auto with_extra = [](const std::string& extra) {
    return build_zip({changed([=](ZipHeader& h) {
      h.fields.bytes = zip::kElsewhere32;
      h.extra = extra;
    })});
  };
  const std::string three = little_endian(3, 8);
  const std::string head = little_endian(1, 2);
  EXPECT_TRUE(is_taken(with_extra(head + little_endian(8, 2) + three), {{"a", text("one")}}));
  EXPECT_TRUE(is_refused(with_extra(""), "ZIP64 sizes are missing"));
  EXPECT_TRUE(
      is_refused(with_extra(head + little_endian(4, 2) + three.substr(0, 4)), "are missing"));
  EXPECT_TRUE(is_refused(with_extra(head + little_endian(16, 2) + three + three), "contradict"));
  EXPECT_TRUE(is_refused(
      with_extra(head + little_endian(8, 2) + three + head + little_endian(8, 2) + three),
      "ZIP64 sizes twice"));
}

TEST(ZipDirectoryTest, ExtraFieldsMustBeWhole) {
  const auto with_extra = [](const std::string& extra) {
    return build_zip({changed([=](ZipHeader& h) { h.extra = extra; })});
  };
  EXPECT_TRUE(is_taken(with_extra(std::string("UT\x05\0\x03"
                                              "1234",
                                              9)),
                       {{"a", text("one")}}));
  EXPECT_TRUE(is_refused(with_extra("U"), "extra fields are damaged"));
  EXPECT_TRUE(is_refused(with_extra(std::string("UT\x05\0abcd", 8)), "extra fields are damaged"));
  // A second name, as Info-ZIP writes beside one that is not UTF-8.
  const std::string crc(5, '\1');
  EXPECT_TRUE(is_taken(with_extra(std::string("up\x06\0", 4) + crc + "a"), {{"a", text("one")}}));
  EXPECT_TRUE(is_refused(with_extra(std::string("up\x06\0", 4) + crc + "b"), "it has two names"));
  EXPECT_TRUE(is_refused(with_extra(std::string("up\x01\0\1", 5)), "it has two names"));
}

TEST(ZipDirectoryTest, BombsAreALimitBeforeTheyAreUnpacked) {
  const std::string zeros(8U << 20U, '\0');
  const ZipItem item{.name = "zeros", .contents = zeros, .method = zip::kDeflated};
  const std::string bomb = build_zip({item});
  EXPECT_TRUE(is_taken(bomb, {{"zeros", text(zeros)}}));  // too small to hurt
  EXPECT_TRUE(is_over(bomb, "archive_ratio_max", 200, {.ratio_free_bytes = 1 << 20}));
  EXPECT_TRUE(is_over(bomb, "archive_ratio_max", 900, {.ratio_max = 900, .ratio_free_bytes = 1}));
  EXPECT_TRUE(
      is_taken(bomb, {{"zeros", text(zeros)}}, {.ratio_max = 1'100, .ratio_free_bytes = 1}));
  // Many that are each too small to hurt.
  std::vector<ZipItem> many;
  for (int i = 0; i < 4; ++i) {
    many.push_back(item);
    many.back().name = std::to_string(i);
  }
  EXPECT_TRUE(is_over(build_zip(many), "archive_ratio_max", 200, {.ratio_free_bytes = 9 << 20}));
  EXPECT_TRUE(is_over(bomb, "archive_bytes_max", 8'000'000, {.bytes_max = 8'000'000}));
  EXPECT_TRUE(is_over(bomb, "archive_file_bytes_max", 8'000'000, {.file_bytes_max = 8'000'000}));
}

TEST(ZipDirectoryTest, TheDefaultRatioHoldsPastTheFreeBytes) {
  const std::string zeros(static_cast<std::size_t>(limits::kArchiveRatioFreeBytes), '\0');
  EXPECT_TRUE(is_taken(build_zip({{.name = "zeros", .contents = zeros, .method = zip::kDeflated}}),
                       {{"zeros", text(zeros)}}));
  EXPECT_TRUE(
      is_over(build_zip({{.name = "zeros", .contents = zeros + "x", .method = zip::kDeflated}}),
              "archive_ratio_max", limits::kArchiveRatioMax));
}

// The limits that nobody chose, met by what an archive only says.
TEST(ZipDirectoryTest, TheDefaultsHoldForCountAndSizes) {
  const auto sized = [](const std::string& name, std::uint32_t bytes) {
    return ZipItem{.name = name, .contents = "", .both = [bytes](ZipHeader& h) {
                     h.fields.bytes = h.fields.packed_bytes = bytes;
                   }};
  };
  const auto file_max = static_cast<std::uint32_t>(limits::kArchiveFileBytesMax);
  // The next rule, once the sizes have passed: the file is far smaller than that.
  EXPECT_TRUE(is_over(build_zip({sized("a", file_max)}), "archive_ratio_max", 200));
  EXPECT_TRUE(is_over(build_zip({sized("a", file_max + 1)}), "archive_file_bytes_max",
                      limits::kArchiveFileBytesMax));
  EXPECT_TRUE(
      is_over(build_zip({sized("a", file_max), sized("b", file_max)}), "archive_ratio_max", 200));
  EXPECT_TRUE(is_over(build_zip({sized("a", file_max), sized("b", file_max), sized("c", 1)}),
                      "archive_bytes_max", limits::kArchiveBytesMax));
  std::vector<ZipItem> many;
  for (int i = 0; i < limits::kArchiveEntriesMax / 2; ++i) {
    many.push_back({.name = "d" + std::to_string(i) + "/f", .contents = ""});
  }
  const UniqueFd most = testing::file_of(build_zip(many));
  EXPECT_TRUE(check_archive(most.get()));
  many.push_back({.name = "one more", .contents = ""});
  EXPECT_TRUE(is_over(build_zip(many), "archive_entries_max", limits::kArchiveEntriesMax));
}

}  // namespace
}  // namespace hearth::archive
