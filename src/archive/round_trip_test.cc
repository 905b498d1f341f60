// Random folders, packed in every way that there is and unpacked: what comes out is what went in.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "archive/testing/judge.h"
#include "archive/testing/pack.h"
#include "archive/testing/tar_builder.h"
#include "archive/testing/zip_builder.h"

namespace hearth::archive {
namespace {

using testing::folder;
using testing::is_taken;
using testing::TarItem;
using testing::Tree;
using testing::ZipItem;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t bound) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (state_ >> 33U) % bound;
  }

 private:
  std::uint64_t state_;
};

// Names with a number, so that none clashes by its letters.
std::string random_name(Random& random, int number) {
  static const std::vector<std::string> parts = {
      "a",      "main", ".env",  "ü",    "中文",   "😀",        "a b", "-",
      "@scope", "..",   "x.y.z", "node", "README", "MakeFile", "'",   "$HOME"};
  return parts[random.below(parts.size())] + std::to_string(number) +
         std::string(random.below(8) == 0 ? 200 : 0, 'n');
}

std::string random_contents(Random& random) {
  std::string out(random.below(8) == 0 ? random.below(200'000) : random.below(2'000), '\0');
  const bool is_noise = random.below(2) == 0;
  const std::size_t period = 1 + random.below(100);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(is_noise ? random.below(256) : i % period);
  }
  return out;
}

Tree random_tree(Random& random) {
  Tree tree;
  std::vector<std::string> folders = {""};
  const std::size_t count = 1 + random.below(30);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string above = folders[random.below(folders.size())];
    const std::string path = above + random_name(random, static_cast<int>(i));
    if (path.size() > 900) {
      continue;
    }
    if (random.below(3) == 0) {
      tree[path] = folder();
      folders.push_back(path + "/");
    } else {
      tree[path] =
          (random.below(4) == 0 ? testing::program : testing::text)(random_contents(random));
    }
  }
  if (tree.empty()) {
    tree["a"] = testing::text("");
  }
  return tree;
}

// Directories may be listed, before or after what is in them, or follow from their files; an empty
// one must be.
bool is_implied(const Tree& tree, const std::string& path) {
  const auto next = tree.upper_bound(path + "/");
  return next != tree.end() && next->first.starts_with(path + "/");
}

std::vector<std::string> random_order(const Tree& tree, Random& random) {
  std::vector<std::string> paths;
  for (const auto& [path, what] : tree) {
    if (what != folder() || !is_implied(tree, path) || random.below(2) == 0) {
      paths.insert(paths.begin() + static_cast<std::ptrdiff_t>(random.below(paths.size() + 1)),
                   path);
    }
  }
  return paths;
}

std::string random_zip(const Tree& tree, Random& random) {
  std::vector<ZipItem> items;
  for (const std::string& path : random_order(tree, random)) {
    const std::string& what = tree.at(path);
    if (what == folder()) {
      items.push_back(testing::zip_directory(path + "/"));
      continue;
    }
    static constexpr std::size_t kDescriptors[] = {0, 0, 12, 16, 20, 24};
    items.push_back({.name = path,
                     .contents = what.substr(1),
                     .method = random.below(3) == 0 ? zip::kStored : zip::kDeflated,
                     .mode = what[0] == 'x' ? 0100755U : 0100644U,
                     .descriptor = kDescriptors[random.below(6)]});
  }
  return testing::build_zip(items, {.has_zip64 = random.below(2) == 0});
}

std::string random_tar(const Tree& tree, Random& random) {
  std::vector<TarItem> items;
  for (const std::string& path : random_order(tree, random)) {
    const std::string& what = tree.at(path);
    TarItem item = what == folder() ? testing::tar_directory(path)
                                    : TarItem{.name = path,
                                              .contents = what.substr(1),
                                              .mode = what[0] == 'x' ? 0755U : 0644U};
    if (item.name.size() > 100 || random.below(5) == 0) {
      items.push_back(random.below(2) == 0 ? testing::gnu_long_name(path)
                                           : testing::pax({{"path", path}, {"mtime", "1.25"}}));
      item.name = item.name.substr(0, 50);
    }
    items.push_back(std::move(item));
  }
  return testing::build_tar(items, random.below(2) == 0 ? "" : testing::tar_end());
}

TEST(RoundTripTest, WhatWentInComesOut) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Random random(seed);
    const Tree tree = random_tree(random);
    EXPECT_TRUE(is_taken(random_zip(tree, random), tree)) << "seed " << seed;
    const std::string tar = random_tar(tree, random);
    EXPECT_TRUE(is_taken(tar, tree)) << "seed " << seed;
    EXPECT_TRUE(is_taken(testing::gzipped(tar), tree)) << "seed " << seed;
    EXPECT_TRUE(is_taken(testing::zstd_packed(tar), tree)) << "seed " << seed;
  }
}

// Whatever is done to an archive, both functions agree (is_taken and judge hold that), and what is
// taken from a mended one is never outside of the rules.
TEST(RoundTripTest, DamagedOnesAreJudgedAlike) {
  for (std::uint64_t seed = 100; seed <= 120; ++seed) {
    Random random(seed);
    const Tree tree = random_tree(random);
    std::string archive =
        random.below(2) == 0 ? random_zip(tree, random) : random_tar(tree, random);
    for (int i = 0; i < 10; ++i) {
      std::string damaged = archive;
      for (std::size_t times = 1 + random.below(3); times > 0; --times) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      }
      damaged.resize(damaged.size() - random.below(3) * random.below(damaged.size()) / 3);
      const Result<ArchiveSummary> verdict = testing::judge(damaged);
      EXPECT_TRUE(verdict || verdict.error().kind == kArchiveRefused) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace hearth::archive
