// Packed tars: gzip and zstd, in one piece and in many, damaged and bombs.
#include "archive/decompress.h"

#include <gtest/gtest.h>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/tar_builder.h"

namespace hearth::archive {
namespace {

using testing::build_tar;
using testing::gzipped;
using testing::is_over;
using testing::is_refused;
using testing::is_taken;
using testing::text;
using testing::zstd_packed;

const std::string& sample() {
  static const std::string lines = [] {
    std::string out;
    while (out.size() < 300'000) {
      out += "line " + std::to_string(out.size() * 2654435761U) + "\n";
    }
    return out;
  }();
  return lines;
}

std::string tar() {
  return build_tar({{.name = "a", .contents = sample()}});
}
testing::Tree tree() {
  return {{"a", text(sample())}};
}

// One of the 16 kinds of frames that zstd passes over.
std::string skippable(std::string_view contents) {
  return testing::little_endian(0x184d2a5e, 4) + testing::little_endian(contents.size(), 4) +
         std::string(contents);
}

std::string zeros(std::int64_t bytes) {
  return build_tar(
      {{.name = "zeros", .contents = std::string(static_cast<std::size_t>(bytes), '\0')}});
}

TEST(DecompressTest, BothPackersAreRead) {
  EXPECT_TRUE(is_taken(gzipped(tar()), tree()));
  EXPECT_TRUE(is_taken(zstd_packed(tar()), tree()));
  EXPECT_EQ(testing::judge(gzipped(tar()))->format, ArchiveFormat::TarGzip);
  EXPECT_EQ(testing::judge(zstd_packed(tar()))->format, ArchiveFormat::TarZstd);
  EXPECT_EQ(testing::judge(tar())->format, ArchiveFormat::Tar);
}

TEST(DecompressTest, PartsInARowAreOneStream) {
  const std::string whole = tar();
  const std::string_view first = std::string_view(whole).substr(0, 100'001);
  const std::string_view second = std::string_view(whole).substr(100'001);
  EXPECT_TRUE(is_taken(gzipped(first) + gzipped("") + gzipped(second), tree()));
  EXPECT_TRUE(is_taken(zstd_packed(first) + skippable("of pzstd") + zstd_packed("") +
                           zstd_packed(second) + skippable(""),
                       tree()));
  EXPECT_TRUE(is_taken(skippable("first") + zstd_packed(whole), tree()));
}

TEST(DecompressTest, NothingElseMayFollow) {
  const auto follows = "something else follows its compressed data";
  for (const std::string tail : {"garbage behind it", "PK\x05\x06"}) {
    EXPECT_TRUE(is_refused(gzipped(tar()) + tail, follows)) << tail;
    EXPECT_TRUE(is_refused(zstd_packed(tar()) + tail, follows)) << tail;
  }
  EXPECT_TRUE(is_refused(gzipped(tar()) + std::string(512, '\0'), follows));
  EXPECT_TRUE(is_refused(zstd_packed(tar()) + std::string(512, '\0'), follows));
  EXPECT_TRUE(is_refused(gzipped(tar()) + zstd_packed(tar()), follows));
  // A frame of zstd 0.7, which the library would read.
  EXPECT_TRUE(is_refused(zstd_packed(tar()) + "\x27\xb5\x2f\xfd....", follows));
  // Not a second header, though it begins like one.
  EXPECT_TRUE(is_refused(gzipped(tar()) + "\x1f\x8b\x09...........", follows));
}

TEST(DecompressTest, ItMayNotBeCutOff) {
  for (const std::string& packed : {gzipped(tar()), zstd_packed(tar())}) {
    for (const std::size_t missing :
         {std::size_t{1}, std::size_t{4}, std::size_t{9}, packed.size() / 2}) {
      EXPECT_TRUE(is_refused(packed.substr(0, packed.size() - missing), "is cut off")) << missing;
    }
  }
  EXPECT_TRUE(is_refused(gzipped(tar()) + "\x1f", "is cut off"));
  EXPECT_TRUE(is_refused(gzipped(tar()) + gzipped("").substr(0, 12), "is cut off"));
  EXPECT_TRUE(is_refused(zstd_packed(tar()) + zstd_packed("").substr(0, 8), "is cut off"));
  EXPECT_TRUE(is_refused(zstd_packed(tar()) + skippable("more").substr(0, 9), "is cut off"));
}

TEST(DecompressTest, DamageIsFoundOutByTheChecksums) {
  for (const std::string& packed : {gzipped(tar()), zstd_packed(tar())}) {
    std::string damaged = packed;
    damaged[packed.size() - 5] = static_cast<char>(damaged[packed.size() - 5] ^ 1);
    EXPECT_TRUE(is_refused(damaged, "its compressed data is damaged"));
    damaged = packed;
    damaged[packed.size() - 1] = static_cast<char>(damaged[packed.size() - 1] ^ 1);
    EXPECT_TRUE(is_refused(damaged, "its compressed data is damaged"));
  }
}

TEST(DecompressTest, WhatIsPackedMustBeATar) {
  EXPECT_TRUE(is_refused(gzipped("just a text"), "it is cut off"));
  EXPECT_TRUE(is_refused(gzipped(std::string(2'000, 'x')), "header of the tar is missing"));
  EXPECT_TRUE(is_refused(gzipped(gzipped(tar())), "header of the tar is missing"));
  EXPECT_TRUE(is_refused(zstd_packed(std::string(2'000, 'x')), "header of the tar is missing"));
  EXPECT_TRUE(is_refused(gzipped(""), "there is nothing in it"));
  EXPECT_TRUE(is_refused(gzipped(testing::tar_end()), "there is nothing in it"));
}

TEST(DecompressTest, BombsAreALimit) {
  const std::string bomb = zeros(limits::kArchiveRatioFreeBytes + (1 << 20));
  EXPECT_TRUE(is_over(gzipped(bomb), "archive_ratio_max", limits::kArchiveRatioMax));
  EXPECT_TRUE(is_over(zstd_packed(bomb), "archive_ratio_max", limits::kArchiveRatioMax));
  EXPECT_TRUE(is_over(gzipped(bomb), "archive_file_bytes_max", 1'000, {.file_bytes_max = 1'000}));
  const std::string small = zeros(limits::kArchiveRatioFreeBytes / 2);
  EXPECT_TRUE(testing::judge(gzipped(small)));
  EXPECT_TRUE(testing::judge(zstd_packed(small)));
  // Zeros that are no file's count as well.
  EXPECT_TRUE(is_over(zstd_packed(tar() + std::string(900'000, '\0')), "archive_ratio_max", 10,
                      {.ratio_max = 10, .ratio_free_bytes = 400'000}));
}

TEST(DecompressTest, TheMemoryThatZstdAsksForIsALimit) {
  EXPECT_TRUE(is_taken(zstd_packed(tar(), 23), tree()));
  EXPECT_TRUE(is_over(zstd_packed(tar(), 24), "archive_zstd_window_bytes_max",
                      limits::kArchiveZstdWindowBytesMax));
  EXPECT_TRUE(is_over(zstd_packed(tar(), 27), "archive_zstd_window_bytes_max",
                      limits::kArchiveZstdWindowBytesMax));
}

}  // namespace
}  // namespace hearth::archive
