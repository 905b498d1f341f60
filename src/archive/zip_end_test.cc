// What stands at the two ends of a ZIP and between its entries and its directory.
#include "archive/zip_end.h"

#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::build_zip;
using testing::is_over;
using testing::is_refused;
using testing::is_taken;
using testing::text;
using testing::ZipEnd;
using testing::ZipItem;
using testing::ZipOptions;

const std::vector<ZipItem> kTwo = {{.name = "a", .contents = "one"},
                                   {.name = "b", .contents = "two"}};
const testing::Tree kTwoUnpacked = {{"a", text("one")}, {"b", text("two")}};

std::string with_end(std::function<void(ZipEnd&)> change) {
  return build_zip(kTwo, {.end = std::move(change)});
}
std::string with_end64(std::function<void(ZipEnd&)> change) {
  return build_zip(kTwo, {.has_zip64 = true, .end64 = std::move(change)});
}

TEST(ZipEndTest, CommentsAndZip64AreFine) {
  EXPECT_TRUE(is_taken(build_zip(kTwo), kTwoUnpacked));
  EXPECT_TRUE(is_taken(with_end([](ZipEnd& end) { end.comment = "a comment"; }), kTwoUnpacked));
  EXPECT_TRUE(
      is_taken(with_end([](ZipEnd& end) { end.comment.assign(0xffff, 'x'); }), kTwoUnpacked));
  EXPECT_TRUE(is_taken(build_zip(kTwo, {.has_zip64 = true}), kTwoUnpacked));
  EXPECT_TRUE(is_taken(
      build_zip(kTwo,
                {.has_zip64 = true, .end = [](ZipEnd& end) { end.comment.assign(0xffff, 'x'); }}),
      kTwoUnpacked));
  // Both records may say it, and the disks may be "elsewhere" too.
  EXPECT_TRUE(is_taken(build_zip(kTwo, {.has_zip64 = true,
                                        .end =
                                            [](ZipEnd& end) {
                                              end.entries = end.entries_here = 2;
                                              end.disk = end.directory_disk = 0xffff;
                                            }}),
                       kTwoUnpacked));
}

TEST(ZipEndTest, NothingMayFollowOrStandBefore) {
  const std::string zip = build_zip(kTwo);
  EXPECT_TRUE(is_refused(zip + "x", "does not end where its end record says"));
  EXPECT_TRUE(is_refused(zip + std::string(100, '\0'), "does not end where"));
  EXPECT_TRUE(is_refused("#!/bin/sh\n" + zip, "its format is not known"));
  // A prefix that is itself the beginning of a ZIP.
  EXPECT_TRUE(is_refused("PK\x03\x04" + zip, "its directory is not where it has to be"));
  EXPECT_TRUE(is_refused(build_zip(kTwo, {.before_directory = "hidden"}),
                         "bytes that belong to no entry follow it"));
  EXPECT_TRUE(is_refused(build_zip(kTwo, {.after_directory = "hidden"}),
                         "its directory is not where it has to be"));
}

TEST(ZipEndTest, ItMayNotBeCutOff) {
  const std::string zip = build_zip(kTwo);
  for (std::size_t bytes = 4; bytes < zip.size(); ++bytes) {
    EXPECT_TRUE(is_refused(zip.substr(0, bytes), "refused")) << bytes;
  }
}

TEST(ZipEndTest, ThereMustBeOneEnd) {
  const std::string zip = build_zip(kTwo);
  // An end whose comment is a whole archive with its own.
  const std::string other = build_zip({{.name = "evil", .contents = "other"}});
  EXPECT_TRUE(is_refused(with_end([&](ZipEnd& end) { end.comment = other; }), "two ends"));
  EXPECT_TRUE(is_refused(with_end([&](ZipEnd& end) { end.comment = other + "x"; }),
                         "another end in its comment"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.comment = "PK\x05\x06"; }),
                         "another end in its comment"));
  EXPECT_TRUE(is_refused(zip + other, "its directory is not where it has to be"));
}

TEST(ZipEndTest, AZipMayBeStoredInAZip) {
  const std::string inner = build_zip(kTwo);
  EXPECT_TRUE(is_taken(build_zip({{.name = "inner.zip", .contents = inner}}),
                       {{"inner.zip", text(inner)}}));
  // Unless its end could be taken for the outer one's.
  const std::string reaching = with_end([](ZipEnd& end) {
    end.comment.assign(std::size_t{46 + 9 + 22}, 'x');  // the outer one's directory and end
  });
  ASSERT_EQ(reaching.substr(reaching.size() - 77), std::string(77, 'x'));
  const std::string cut = reaching.substr(0, reaching.size() - 77);
  EXPECT_TRUE(is_refused(build_zip({{.name = "inner.zip", .contents = cut}}), "two ends"));
}

TEST(ZipEndTest, ItsNumbersMustAgree) {
  const auto lies = "its directory is not where it has to be";
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { ++end.directory_offset; }), lies));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { --end.directory_offset; }), lies));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { ++end.directory_bytes; }), lies));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.directory_bytes = 0xffff'fffe; }), lies));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.entries = end.entries_here = 3; }),
                         "its directory is cut off"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.entries = end.entries_here = 1; }),
                         "more than the entries it counts"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.entries = end.entries_here = 0; }),
                         "more than the entries it counts"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.entries = 1; }), "several files"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.disk = 1; }), "several files"));
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.directory_disk = 1; }), "several files"));
  // "Elsewhere" without a place where that would be.
  EXPECT_TRUE(is_refused(with_end([](ZipEnd& end) { end.directory_offset = 0xffff'ffff; }), lies));
}

TEST(ZipEndTest, Zip64MustAgreeToo) {
  const auto lies = "its directory is not where it has to be";
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { ++end.directory_offset; }), lies));
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { ++end.directory_bytes; }), lies));
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { end.directory_bytes = ~0ULL; }), lies));
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { end.directory_offset = ~0ULL; }), lies));
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { end.disk = 1; }), "several files"));
  EXPECT_TRUE(is_refused(with_end64([](ZipEnd& end) { end.entries_here = 1; }), "several files"));
  EXPECT_TRUE(
      is_over(with_end64([](ZipEnd& end) { end.entries = end.entries_here = 0xffff'ffff'ffffULL; }),
              "archive_entries_max", 10'000));
  EXPECT_TRUE(is_refused(
      build_zip(kTwo, {.has_zip64 = true, .end = [](ZipEnd& end) { end.directory_bytes = 5; }}),
      "contradict each other"));
  EXPECT_TRUE(is_refused(
      build_zip(kTwo, {.has_zip64 = true, .end = [](ZipEnd& end) { end.entries_here = 3; }}),
      "several files"));
}

TEST(ZipEndTest, TheZip64LocatorMustPointRightBeforeItself) {
  const auto with_locator = [](std::function<void(std::string&)> change) {
    return build_zip(kTwo, {.has_zip64 = true, .locator = std::move(change)});
  };
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { ++bytes[8]; }),
                         "is not where it has to be"));
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { bytes.replace(8, 8, 8, '\xff'); }),
                         "is not where it has to be"));
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { bytes[4] = 1; }), "several files"));
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { bytes[16] = 2; }), "several files"));
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { bytes = "x" + bytes; }),
                         "is not where it has to be"));
  EXPECT_TRUE(is_refused(with_locator([](std::string& bytes) { bytes[0] = 'Q'; }),
                         "its directory is not where it has to be"));
  std::string damaged = build_zip(kTwo, {.has_zip64 = true});
  damaged[damaged.size() - 22 - 20 - 56] = 'Q';
  EXPECT_TRUE(is_refused(damaged, "ZIP64 end record is damaged"));
}

TEST(ZipEndTest, TooManyEntriesAreALimit) {
  std::vector<ZipItem> items;
  for (int i = 0; i < 20; ++i) {
    items.push_back({.name = std::to_string(i), .contents = ""});
  }
  EXPECT_TRUE(is_over(build_zip(items), "archive_entries_max", 19, {.entries_max = 19}));
  EXPECT_FALSE(is_over(build_zip(items), "archive_entries_max", 20, {.entries_max = 20}));
}

TEST(ZipEndTest, AnEmptyOneIsRefused) {
  EXPECT_TRUE(is_refused(build_zip({}), "there is nothing in it"));
  EXPECT_TRUE(is_refused(build_zip({}, {.has_zip64 = true}), "there is nothing in it"));
}

}  // namespace
}  // namespace hearth::archive
