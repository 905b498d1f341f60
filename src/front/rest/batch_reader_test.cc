#include "front/rest/batch_reader.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::rest {
namespace {

Result<> accept_all(const JobSpec&) {
  return {};
}

Result<Batch> read(BatchFormat format, std::string_view text, std::size_t piece = 7) {
  BatchReader reader(format, accept_all);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    HEARTH_TRY(reader.feed(text.substr(at, piece)));
  }
  return reader.finish();
}

const std::string kLines =
    R"({"command":["a"],"ref":"x"}
{"command":[]}

not json
{"command":["b"],"after":["@x",{"id":"@x","on":"any"}]}
{"command":["c"],"after":["@nobody"]}
{"command":["d"],"ref":"x"}
{"command":["e"],"array":{"from":1,"to":3},"ref":"many"}
{"command":["f"],"after":["@many"]})";

TEST(BatchReaderTest, ABadLineTakesNothingElseWithIt) {
  for (const std::size_t piece : {1UL, 5UL, 100'000UL}) {
    const auto batch = read(BatchFormat::Lines, kLines, piece);
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_EQ(batch->entries.size(), 8U);
    EXPECT_EQ(batch->entries[1].error->field, "command");
    EXPECT_EQ(batch->entries[2].error->kind, "invalid_json");
    EXPECT_EQ(batch->entries[4].error->field, "after[0]");
    EXPECT_EQ(batch->entries[5].error->field, "ref");
    ASSERT_EQ(batch->items.size(), 6U);  // a, b, e×3, f
    using Refs = std::vector<std::pair<std::size_t, DependencyCondition>>;
    EXPECT_EQ(batch->items[1].after_refs,
              (Refs{{0, DependencyCondition::Ok}, {0, DependencyCondition::Any}}));
    EXPECT_EQ(batch->entries[6].first, 2U);
    EXPECT_EQ(batch->entries[6].count, 3U);
    EXPECT_EQ(batch->items[5].after_refs, (Refs{{2, DependencyCondition::Ok},
                                                {3, DependencyCondition::Ok},
                                                {4, DependencyCondition::Ok}}));
  }
}

TEST(BatchReaderTest, AnArrayIsReadAlike) {
  const auto batch =
      read(BatchFormat::Array, R"([{"command":["a"]},{"command":["b"],"command":["c"]},5])");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->entries.size(), 3U);
  EXPECT_FALSE(batch->entries[0].error);
  EXPECT_EQ(batch->entries[1].error->field, "command");
  EXPECT_EQ(batch->entries[2].error->kind, "invalid_json");
  EXPECT_FALSE(read(BatchFormat::Array, R"([{"command":["a"]},)"));
  EXPECT_FALSE(read(BatchFormat::Array, R"({"command":["a"]})"));
  EXPECT_TRUE(read(BatchFormat::Array, "[]")->entries.empty());
  EXPECT_TRUE(read(BatchFormat::Lines, "\n \n")->entries.empty());
}

TEST(BatchReaderTest, BoundsTheItems) {
  std::string lines;
  for (std::int64_t i = 0; i < limits::kBatchItemsMax; ++i) {
    lines += "{\"command\":[\"a\"]}\n";
  }
  EXPECT_EQ(read(BatchFormat::Lines, lines, 1 << 16)->items.size(), 10'000U);
  auto more = read(BatchFormat::Lines, lines + "{}", 1 << 16);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().limit, "batch_items_max");
  more = read(BatchFormat::Lines,
              "{\"command\":[\"a\"]}\n{\"command\":[\"a\"],\"array\":{\"from\":1,\"to\":10000}}");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().limit, "batch_items_max");
}

TEST(BatchReaderTest, BoundsALineAndWhatArraysMultiply) {
  const std::string long_line(static_cast<std::size_t>(limits::kBatchItemBytesMax) + 1, 'x');
  for (const std::string& text : {long_line, long_line + "\n"}) {
    const auto batch = read(BatchFormat::Lines, text, 1 << 16);
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().limit, "batch_item_bytes_max");
  }
  const std::string item = R"({"command":["a"],"array":{"from":1,"to":1000},"stdin":")" +
                           std::string(40'000, 'x') + "\"}\n";
  EXPECT_TRUE(read(BatchFormat::Lines, item, 1 << 16));
  const auto twice = read(BatchFormat::Lines, item + item, 1 << 16);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().limit, "batch_body_bytes_max");
}

TEST(BatchReaderTest, BoundsDependenciesAnArrayStandsFor) {
  std::string text = R"({"command":["a"],"array":{"from":1,"to":1001},"ref":"r"})";
  auto batch = read(BatchFormat::Lines, text + "\n" + R"({"command":["b"],"after":["@r"]})");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->entries[1].error->limit, "dependencies_max");
  text = R"({"command":["a"],"array":{"from":1,"to":1000},"ref":"r"})";
  batch = read(BatchFormat::Lines,
               text + "\n" + R"({"command":["b"],"array":{"from":1,"to":101},"after":["@r"]})");
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().limit, "batch_edges_max");
}

TEST(BatchReaderTest, AsksWhetherAnItemIsAccepted) {
  BatchReader reader(BatchFormat::Lines, [](const JobSpec& spec) -> Result<> {
    if (spec.name == "no") {
      return invalid_field("name", "not that one");
    }
    return {};
  });
  ASSERT_TRUE(reader.feed(R"({"command":["a"],"name":"no","ref":"r"}
{"command":["a"],"name":"yes"}
{"command":["a"],"after":["@r"]})"));
  const auto batch = reader.finish();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->items.size(), 1U);
  EXPECT_TRUE(batch->entries[0].error);
  EXPECT_TRUE(batch->entries[2].error);  // its ref was refused
}

}  // namespace
}  // namespace hearth::rest
