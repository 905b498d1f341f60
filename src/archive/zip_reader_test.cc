// What comes out of a ZIP's entries, whatever its headers say.
#include "archive/zip_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::build_zip;
using testing::deflated;
using testing::is_refused;
using testing::is_taken;
using testing::text;
using testing::ZipHeader;
using testing::ZipItem;

std::string sample(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) {
    out += "line " + std::to_string(out.size() * 2654435761U) + "\n";
  }
  out.resize(bytes);
  return out;
}

// One deflated entry in which both headers, and so the layout, say the same.
std::string with_data(const std::string& contents, const std::string& data, std::uint64_t bytes) {
  return build_zip({{.name = "a",
                     .contents = contents,
                     .method = zip::kDeflated,
                     .both =
                         [&](ZipHeader& h) {
                           h.fields.packed_bytes = data.size();
                           h.fields.bytes = bytes;
                         },
                     .data = [&](std::string& packed, std::string&) { packed = data; }},
                    {.name = "b", .contents = "rest"}});
}

TEST(ZipReaderTest, ContentsOfEverySizeComeOutAsTheyWere) {
  for (const std::size_t bytes : {0U, 1U, 65'535U, 65'536U, 65'537U, 300'000U}) {
    const std::string contents = sample(bytes);
    for (const std::uint16_t method : {zip::kStored, zip::kDeflated}) {
      EXPECT_TRUE(is_taken(build_zip({{.name = "a", .contents = contents, .method = method}}),
                           {{"a", text(contents)}}))
          << bytes << " by " << method;
    }
  }
}

TEST(ZipReaderTest, SizesThatLieAreFoundOut) {
  const std::string contents = sample(1'000);
  const std::string data = deflated(contents);
  EXPECT_TRUE(
      is_taken(with_data(contents, data, 1'000), {{"a", text(contents)}, {"b", text("rest")}}));
  EXPECT_TRUE(is_refused(with_data(contents, data, 999), "entry \"a\": it unpacks to more"));
  EXPECT_TRUE(is_refused(with_data(contents, data, 0), "it unpacks to more"));
  EXPECT_TRUE(is_refused(with_data(contents, data, 1'001), "it unpacks to less"));
}

TEST(ZipReaderTest, ABombThatSaysThatItIsSmallStopsEarly) {
  // 8 MiB that claim to be 10 bytes: no limit is asked, the first piece is one too much.
  const std::string zeros(8U << 20U, '\0');
  EXPECT_TRUE(is_refused(with_data(zeros, deflated(zeros), 10), "it unpacks to more"));
}

TEST(ZipReaderTest, DamageIsFoundOut) {
  const std::string contents = sample(1'000);
  const std::string data = deflated(contents);
  EXPECT_TRUE(is_refused(with_data(sample(999) + "x", data, 1'000), "its CRC is wrong"));
  EXPECT_TRUE(
      is_refused(build_zip({{.name = "a",
                             .contents = contents,
                             .data = [](std::string& bytes, std::string&) { ++bytes[7]; }}}),
                 "its CRC is wrong"));
  EXPECT_TRUE(is_refused(with_data(contents, data.substr(0, data.size() - 1), 1'000),
                         "its compressed data is cut off"));
  EXPECT_TRUE(is_refused(with_data(contents, data + "x", 1'000),
                         "its compressed data ends before its size says"));
  EXPECT_TRUE(is_refused(with_data(contents, "", 1'000), "its compressed data is cut off"));
  EXPECT_TRUE(
      is_refused(with_data(contents, "\x07 no deflate", 1'000), "its compressed data is damaged"));
}

TEST(ZipReaderTest, EveryDamagedByteIsFoundOutOrMeansNothing) {
  const std::string contents = sample(200);
  const std::string zip = build_zip({{.name = "dir/a", .contents = contents, .method = 8},
                                     {.name = "b", .contents = "stored", .descriptor = 16}});
  const testing::Tree whole = {
      {"dir", testing::folder()}, {"dir/a", text(contents)}, {"b", text("stored")}};
  ASSERT_TRUE(is_taken(zip, whole));
  int taken = 0;
  for (std::size_t at = 0; at < zip.size(); ++at) {
    std::string damaged = zip;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    testing::Tree tree;
    if (testing::judge(damaged, {}, &tree)) {
      ++taken;
      // Times, versions, and permission bits of the file's owner.
      const auto bare = [](testing::Tree found) {
        for (auto& [path, what] : found) {
          what = what.substr(1);
        }
        return found;
      };
      EXPECT_EQ(bare(tree), bare(whole)) << at;
    }
  }
  EXPECT_LT(taken, 48);  // two versions, time and date in four headers, and some attributes
}

TEST(ZipReaderTest, OnlyAFileCanBeAZip) {
  // What pread(2) reads and is none: its first bytes are zeros.
  const UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const Result<ArchiveSummary> verdict = check_archive(zeros.get());
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().message.find("its format is not known"), std::string::npos);
}

}  // namespace
}  // namespace hearth::archive
