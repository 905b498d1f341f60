#include "net/json_reader.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/limits.h"

namespace hearth::net {
namespace {

namespace json = boost::json;

TEST(ParseJsonTest, ReadsWhatIsJson) {
  const auto value =
      parse_json(R"( {"a":[1,-2,0.5,1e3,true,null,"x\u0000é"],"b":{"":18446744073709551615}} )");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->at("a").as_array().size(), 7U);
  EXPECT_EQ(value->at("b").at("").as_uint64(), 18446744073709551615ULL);
}

TEST(ParseJsonTest, RefusesWhatIsNot) {
  for (const std::string_view bad : {"",
                                     " ",
                                     "{",
                                     "{\"a\":1",
                                     "{\"a\":1}x",
                                     "{a:1}",
                                     "{'a':1}",
                                     "[1,]",
                                     "{\"a\":1,}",
                                     "01",
                                     "NaN",
                                     "Infinity",
                                     "-",
                                     "+1",
                                     "\"\xff\"",
                                     "\"\xed\xa0\x80\"",
                                     "\"\xc0\x80\"",
                                     "\"a",
                                     "\"\x01\"",
                                     "\"\\ud800\"",
                                     "/**/1",
                                     "1 2",
                                     "tru",
                                     "{\"a\" 1}"}) {
    const auto value = parse_json(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_EQ(value.error().kind, "invalid_json") << bad;
    EXPECT_NE(value.error().message.find("at byte"), std::string::npos) << bad;
  }
}

TEST(ParseJsonTest, NamesTheDuplicateByItsPath) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"a":1,"a":1})", "a"},
      {R"({"x":{"env":{"A":"1","B":"2","A":"3"}}})", "x.env.A"},
      {R"({"after":["p",{"id":"q","id":"r"}]})", "after[1].id"},
      {R"({"a":1,"\u0061":1})", "a"},
  };
  for (const auto& [text, field] : cases) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().field, field);
    EXPECT_EQ(value.error().kind, "invalid_field");
  }
}

TEST(ParseJsonTest, BoundsTheDepth) {
  const auto nested = [](std::int64_t depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(parse_json(nested(limits::kJsonDepthMax)));
  const auto deep = parse_json(nested(limits::kJsonDepthMax + 1));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().limit, "json_depth_max");
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

struct Collected {
  std::vector<std::string> elements;
  Result<> end;
};

Collected read_array(std::string_view text, std::size_t piece, std::int64_t bytes_max = 1000) {
  Collected collected;
  JsonArrayReader reader(
      [&collected](Result<json::value> value) -> Result<> {
        collected.elements.push_back(value ? json::serialize(*value) : "!" + value.error().field);
        return {};
      },
      bytes_max);
  for (std::size_t at = 0; at < text.size() && collected.end; at += piece) {
    collected.end = reader.feed(text.substr(at, piece));
  }
  if (collected.end) {
    collected.end = reader.finish();
  }
  return collected;
}

TEST(JsonArrayReaderTest, HandsOnElementsHoweverTheyArrive) {
  const std::string text = R"( [{"a":1}, [2,3],"four", 5 ,{"b":1,"b":2},{"c":{"d":[]}}] )";
  const std::vector<std::string> expected = {R"({"a":1})", "[2,3]", R"("four")",
                                             "5",          "!b",    R"({"c":{"d":[]}})"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const Collected collected = read_array(text, piece);
    ASSERT_TRUE(collected.end) << collected.end.error().message;
    ASSERT_EQ(collected.elements, expected) << piece;
  }
}

TEST(JsonArrayReaderTest, RefusesWhatIsNoArrayOrIsCut) {
  for (const std::string_view bad :
       {"", "{}", "1", "[1", "[1,", "[1]x", "[1][2]", "nul", "\"a\""}) {
    for (const std::size_t piece : {1UL, 100UL}) {
      EXPECT_FALSE(read_array(bad, piece).end) << bad;
    }
  }
}

TEST(JsonArrayReaderTest, BoundsAnElement) {
  const std::string small = "[\"" + std::string(900, 'x') + "\",\"" + std::string(900, 'x') + "\"]";
  EXPECT_TRUE(read_array(small, 64).end);
  for (const std::string& big :
       {"[\"" + std::string(1100, 'x') + "\"]",
        "[[" + std::string(600, '1') + "],{\"" + std::string(1100, 'k') + "\":1}]"}) {
    const auto end = read_array(big, 64).end;
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().kind == "too_large" || end.error().kind == "invalid_json", true);
  }
  std::string many = "[[";
  for (int i = 0; i < 1000; ++i) {
    many += "1,";
  }
  const auto end = read_array(many + "1]]", 64).end;
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().limit, "batch_item_bytes_max");
}

}  // namespace
}  // namespace hearth::net
