#include "front/http/json_members.h"

#include <gtest/gtest.h>

namespace hearth::front {
namespace {

TEST(JsonMembersTest, WhatIsNotKnownIsNull) {
  std::string text;
  net::JsonWriter json(text);
  json.begin_object();
  write_time(json, "startedAt", time_from_ms(1'795'334'400'000));
  write_time(json, "completedAt", std::nullopt);
  write_text_or_null(json, "agentId", "a\"1");
  write_text_or_null(json, "group", "");
  json.end_object();
  EXPECT_EQ(text, R"({"startedAt":"2026-11-22T08:00:00.000Z","completedAt":null,)"
                  R"("agentId":"a\"1","group":null})");
}

}  // namespace
}  // namespace hearth::front
