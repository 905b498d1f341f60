#include "model/resources.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

ResourceVector vector_of(std::int64_t cpu, std::int64_t memory, std::int64_t gpus,
                         std::vector<std::pair<std::string, std::int64_t>> named = {}) {
  return {cpu, memory, gpus, std::move(named)};
}

TEST(ResourceVectorTest, FitsOnlyWhenEveryComponentDoes) {
  const auto free = vector_of(1'000, 512, 1, {{"fpga", 2}});
  EXPECT_TRUE(vector_of(1'000, 512, 1, {{"fpga", 2}}).fits_in(free));
  EXPECT_TRUE(vector_of(0, 0, 0).fits_in(free));
  EXPECT_FALSE(vector_of(1'001, 512, 1).fits_in(free));
  EXPECT_FALSE(vector_of(1'000, 513, 1).fits_in(free));
  EXPECT_FALSE(vector_of(1'000, 512, 2).fits_in(free));
  EXPECT_FALSE(vector_of(1, 1, 0, {{"fpga", 3}}).fits_in(free));
  EXPECT_FALSE(vector_of(1, 1, 0, {{"licence", 1}}).fits_in(free));
}

TEST(ResourceVectorTest, AddAndSubtractAreInverseAndKeepNamedCanonical) {
  const auto start = vector_of(4'000, 1'000, 2, {{"b", 1}});
  auto value = start;
  const auto delta = vector_of(500, 100, 1, {{"a", 3}, {"b", 1}});
  value.subtract(delta);
  EXPECT_EQ(value.named_amount("b"), 0);
  EXPECT_EQ(value.named_amount("a"), -3);
  value.add(delta);
  EXPECT_EQ(value, start);
}

TEST(ResourceVectorTest, NamedStaysSortedWithoutZeros) {
  ResourceVector value;
  value.add(vector_of(0, 0, 0, {{"c", 1}}));
  value.add(vector_of(0, 0, 0, {{"a", 1}}));
  value.add(vector_of(0, 0, 0, {{"b", 1}}));
  EXPECT_EQ(value, vector_of(0, 0, 0, {{"a", 1}, {"b", 1}, {"c", 1}}));
  value.subtract(vector_of(0, 0, 0, {{"b", 1}}));
  EXPECT_EQ(value, vector_of(0, 0, 0, {{"a", 1}, {"c", 1}}));
  EXPECT_FALSE(value.is_zero());
  value.subtract(vector_of(0, 0, 0, {{"a", 1}, {"c", 1}}));
  EXPECT_TRUE(value.is_zero());
}

}  // namespace
}  // namespace hearth
