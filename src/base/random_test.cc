#include "base/random.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace hearth {
namespace {

TEST(RandomTest, HexHasTwoLowerCaseDigitsAByte) {
  const std::string text = random_hex(16);
  EXPECT_EQ(text.size(), 32U);
  EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(RandomTest, DrawsDiffer) {
  std::set<std::string> texts;
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 1000; ++i) {
    texts.insert(random_hex(16));
    numbers.insert(random_u64());
  }
  EXPECT_EQ(texts.size(), 1000U);
  EXPECT_EQ(numbers.size(), 1000U);
}

TEST(RandomTest, EveryByteOfABufferIsDrawn) {
  // A byte that stayed zero in 64 draws (chance 2^-512) was never written.
  std::vector<std::byte> seen(300);
  for (int i = 0; i < 64; ++i) {
    std::vector<std::byte> drawn(300);
    fill_random(drawn);
    for (std::size_t at = 0; at < drawn.size(); ++at) {
      seen[at] |= drawn[at];
    }
  }
  for (const std::byte byte : seen) {
    EXPECT_NE(byte, std::byte{0});
  }
}

}  // namespace
}  // namespace hearth
