#include "net/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

#include "net/problem.h"

namespace hearth::net {
namespace {

std::string quoted(std::string_view value) {
  std::string out;
  append_json_string(out, value);
  return out;
}

TEST(JsonWriterTest, PutsCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().member("a", 1).key("b").begin_array().integer(1).begin_object().end_object();
  json.string("x").end_array().member("c", true).member_null("d").end_object();
  EXPECT_EQ(out, R"({"a":1,"b":[1,{},"x"],"c":true,"d":null})");
}

TEST(JsonWriterTest, EscapesControlsAndQuotes) {
  EXPECT_EQ(quoted("a\"b\\c\n\r\t\x01\x1f\x7f"), R"("a\"b\\c\n\r\t\u0001\u001f\u007f")");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonWriterTest, WhateverTheBytesTheOutputIsUtf8) {
  EXPECT_EQ(quoted("héé€😀"), "\"héé€😀\"");
  EXPECT_EQ(quoted("\xff"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(quoted("a\xc3"), "\"a\xEF\xBF\xBD\"");                // cut short
  EXPECT_EQ(quoted("\xc0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // overlong
  EXPECT_EQ(quoted("\xed\xa0\x80").size(), 2 + 9U);               // surrogate
  EXPECT_EQ(quoted("\xf4\x90\x80\x80").size(), 2 + 12U);          // above U+10FFFF
}

TEST(JsonWriterTest, KnowsWhatItKeeps) {
  for (const char* text : {"", "a\n", "\xc3\xa9", "\xEF\xBB\xBF", "\xf0\x9f\x99\x82"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text : {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(JsonWriterTest, NumbersThatJsonLacksAreNull) {
  std::string out;
  JsonWriter json(out);
  json.begin_array()
      .number(std::numeric_limits<double>::infinity())
      .number(std::numeric_limits<double>::quiet_NaN())
      .number(0.5)
      .integer(std::numeric_limits<std::int64_t>::min())
      .end_array();
  EXPECT_EQ(out, "[null,null,0.5,-9223372036854775808]");
}

TEST(ProblemTest, KindDecidesThenTheErrorCode) {
  EXPECT_EQ(problem_status(invalid_field("timeoutMs", "no")), 400);
  EXPECT_EQ(problem_status(Error{.code = ErrorCode::FailedPrecondition}), 409);
  EXPECT_EQ(problem_status(Error{.code = ErrorCode::Unimplemented}), 422);
  EXPECT_EQ(problem_status(Error{.code = ErrorCode::Internal, .kind = "made up"}), 500);
  EXPECT_EQ(problem_code(not_found("x")), "not_found");
  Error full{.code = ErrorCode::ResourceExhausted,
             .message = "full",
             .kind = "queue_full",
             .limit = "kQueueJobsMax",
             .limit_value = 7};
  const Response response = problem_response(full);
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.headers.at(0).first, "Retry-After");
  EXPECT_EQ(response.body,
            R"({"type":"urn:hearth:problem:queue_full","title":"The queue is full","status":429,)"
            R"("code":"queue_full","detail":"full","limit":"queue_jobs_max","limitValue":7})");
}

}  // namespace
}  // namespace hearth::net
