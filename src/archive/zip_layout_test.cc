// Local headers against the directory, and that entries stand one after the other.
#include "archive/zip_layout.h"

#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::build_zip;
using testing::is_refused;
using testing::is_taken;
using testing::little_endian;
using testing::text;
using testing::ZipHeader;
using testing::ZipItem;

std::string with_local(std::function<void(ZipHeader&)> change) {
  return build_zip({{.name = "first", .contents = "1"},
                    {.name = "second", .contents = "two", .local = std::move(change)},
                    {.name = "third", .contents = "3"}});
}
std::string with_central(std::function<void(ZipHeader&)> change) {
  return build_zip({{.name = "first", .contents = "1"},
                    {.name = "second", .contents = "two", .central = std::move(change)},
                    {.name = "third", .contents = "3"}});
}

TEST(ZipLayoutTest, TheOrderOfTheDirectoryIsFree) {
  const ZipItem first{.name = "first", .contents = "1"};
  const std::string zip = build_zip({first, {.name = "d/second", .contents = "two"}});
  // The two central headers, changed over.
  const std::size_t first_bytes = 46 + 5;
  const std::size_t second_bytes = 46 + 8;
  const std::size_t directory = zip.size() - 22 - first_bytes - second_bytes;
  const std::string turned = zip.substr(0, directory) +
                             zip.substr(directory + first_bytes, second_bytes) +
                             zip.substr(directory, first_bytes) + zip.substr(zip.size() - 22);
  ASSERT_NE(turned, zip);
  EXPECT_TRUE(is_taken(
      turned, {{"first", text("1")}, {"d", testing::folder()}, {"d/second", text("two")}}));
}

TEST(ZipLayoutTest, LocalHeadersSayWhatTheDirectorySays) {
  EXPECT_TRUE(is_taken(with_local({}),
                       {{"first", text("1")}, {"second", text("two")}, {"third", text("3")}}));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.name = "secono"; }), "another name"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.name = "../../x"; }), "another name"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.name = ""; }), "another name"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.fields.method = 8; }),
                         "entry \"second\": its local header has other flags or another method"));
  EXPECT_TRUE(
      is_refused(with_local([](ZipHeader& h) { h.fields.flags = 1U << 11U; }), "other flags"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { ++h.fields.crc; }), "another size or CRC"));
  EXPECT_TRUE(
      is_refused(with_local([](ZipHeader& h) { h.fields.crc = 0; }), "another size or CRC"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.fields.bytes = 0; }), "another size"));
  EXPECT_TRUE(
      is_refused(with_local([](ZipHeader& h) { h.fields.packed_bytes = 4; }), "another size"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.signature = zip::kCentralSignature; }),
                         "not where the directory says"));
  EXPECT_TRUE(is_refused(with_local([](ZipHeader& h) { h.extra = "x"; }), "extra fields"));
  EXPECT_TRUE(is_taken(with_local([](ZipHeader& h) { h.extra = std::string("UT\0\0", 4); }),
                       {{"first", text("1")}, {"second", text("two")}, {"third", text("3")}}));
}

TEST(ZipLayoutTest, EntriesDoNotOverlap) {
  EXPECT_TRUE(is_refused(with_central([](ZipHeader& h) { h.fields.offset = 0; }), "overlaps"));
  EXPECT_TRUE(is_refused(with_central([](ZipHeader& h) { ++h.fields.offset; }), "first\": bytes"));
  EXPECT_TRUE(is_refused(with_central([](ZipHeader& h) { h.fields.offset = 0x7fff'ffff; }),
                         "bytes that belong to no entry"));
  EXPECT_TRUE(
      is_refused(build_zip({{.name = "a",
                             .contents = "x",
                             .central = [](ZipHeader& h) { h.fields.offset = 0x7fff'ffff; }}}),
                 "bytes that belong to no entry stand before"));
  // Longer than what there is until the next one begins.
  const auto longer = [](ZipHeader& h) { h.fields.bytes = h.fields.packed_bytes = 40; };
  EXPECT_TRUE(is_refused(build_zip({{.name = "a", .contents = "xyz", .both = longer},
                                    {.name = "b", .contents = "rest"}}),
                         "entry \"a\": it overlaps what follows it"));
}

// David Fifield's: one long piece of data that the local headers before it quote, so that each
// entry contains all that follow.
TEST(ZipLayoutTest, EntriesThatQuoteTheNextOnesAreRefused) {
  const std::string zip =
      build_zip({{.name = "a", .contents = "12345"}, {.name = "b", .contents = "67890"}});
  std::string quoting = zip;
  const std::size_t local_bytes = 30 + 1 + 5;
  const std::size_t central = zip.size() - 22 - 2 * 47;
  for (const std::size_t field : {std::size_t{18}, std::size_t{22}, central + 20, central + 24}) {
    quoting[field] = static_cast<char>(5 + local_bytes);
  }
  EXPECT_TRUE(is_refused(quoting, "entry \"a\": it overlaps what follows it"));
}

TEST(ZipLayoutTest, NothingStandsBetweenThem) {
  EXPECT_TRUE(
      is_refused(build_zip({{.name = "a",
                             .contents = "x",
                             .data = [](std::string&, std::string& behind) { behind = "hidden"; }},
                            {.name = "b", .contents = "y"}}),
                 "entry \"a\": bytes that belong to no entry follow it"));
  EXPECT_TRUE(is_refused(
      build_zip({{.name = "a", .contents = "x"}}, {.before_directory = std::string(12, '\0')}),
      "bytes that belong to no entry follow it"));
}

TEST(ZipLayoutTest, DescriptorsOfAllFourFormsAreRead) {
  for (const std::size_t bytes : {12U, 16U, 20U, 24U}) {
    EXPECT_TRUE(is_taken(build_zip({{.name = "a", .contents = "x", .descriptor = bytes},
                                    {.name = "b",
                                     .contents = "some text",
                                     .method = zip::kDeflated,
                                     .descriptor = bytes}}),
                         {{"a", text("x")}, {"b", text("some text")}}))
        << bytes;
  }
  // Sizes that are known already may be there, also as ZIP64 has them.
  EXPECT_TRUE(is_taken(build_zip({{.name = "a",
                                   .contents = "xyz",
                                   .descriptor = 24,
                                   .local =
                                       [](ZipHeader& h) {
                                         h.fields.bytes = zip::kElsewhere32;
                                         h.fields.packed_bytes = zip::kElsewhere32;
                                         h.extra = little_endian(1, 2) + little_endian(16, 2) +
                                                   little_endian(3, 8) + little_endian(0, 8);
                                       }}}),
                       {{"a", text("xyz")}}));
}

TEST(ZipLayoutTest, DescriptorsMustAgree) {
  const auto with_descriptor = [](std::size_t bytes,
                                  std::function<void(std::string&, std::string&)> change) {
    return build_zip({{.name = "a", .contents = "xyz", .descriptor = bytes, .data = change},
                      {.name = "b", .contents = "y"}});
  };
  for (const std::size_t bytes : {12U, 16U, 20U, 24U}) {
    for (std::size_t at = 0; at < bytes; ++at) {
      EXPECT_TRUE(is_refused(
          with_descriptor(bytes, [at](std::string&, std::string& behind) { ++behind[at]; }),
          "entry \"a\": its data descriptor"))
          << bytes << " " << at;
    }
    EXPECT_TRUE(is_refused(
        with_descriptor(bytes, [](std::string&, std::string& behind) { behind.clear(); }),
        "its data descriptor is missing"));
    EXPECT_TRUE(
        is_refused(with_descriptor(bytes, [](std::string&, std::string& behind) { behind += "x"; }),
                   "its data descriptor"));
  }
  EXPECT_TRUE(is_refused(build_zip({{.name = "a",
                                     .contents = "xyz",
                                     .descriptor = 16,
                                     .local = [](ZipHeader& h) { h.fields.bytes = 4; }}}),
                         "another size or CRC"));
  // There, but no flag says so.
  EXPECT_TRUE(is_refused(
      build_zip({{.name = "a",
                  .contents = "xyz",
                  .data = [](std::string&, std::string& behind) { behind.assign(16, 'd'); }}}),
      "bytes that belong to no entry follow it"));
}

}  // namespace
}  // namespace hearth::archive
