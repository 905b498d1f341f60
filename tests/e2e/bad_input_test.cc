// Bad input at the front door of a real controller: a clear error each time, and nothing lost.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

using harness::Answer;
using harness::ClusterTest;
using harness::number;
using harness::text;

namespace {

struct Bad {
  std::string body;
  int status;
  std::string code;
  std::string field;
};

class BadInputTest : public ClusterTest {
 protected:
  static void expect_problem(const Answer& answer, int status, const std::string& code) {
    EXPECT_EQ(answer.status, status) << answer.raw;
    ASSERT_TRUE(answer.headers.contains("content-type")) << answer.raw;
    EXPECT_EQ(answer.headers.at("content-type").find("application/problem+json"), 0U);
    ASSERT_TRUE(answer.body.is_object()) << answer.raw;
    EXPECT_EQ(text(answer.body.as_object(), "code"), code) << answer.raw;
    EXPECT_FALSE(text(answer.body.as_object(), "detail").empty()) << answer.raw;
  }
};

TEST_F(BadInputTest, EveryBadBodyIsRefusedAndNamedAndTheControllerGoesOn) {
  start_up();
  const std::string nested(4000, '[');
  const std::string huge_name(300, 'x');
  const std::vector<Bad> table = {
      {"", 400, "invalid_json", ""},
      {"{", 400, "invalid_json", ""},
      {"[]", 400, "invalid_json", ""},
      {nested, 400, "invalid_json", ""},
      {"{\"command\":[\"a\xff\"]}", 400, "invalid_json", ""},
      {R"({"command":["true"],"command":["false"]})", 400, "invalid_field", "command"},
      {R"({"command":["true"],"colour":"red"})", 400, "unknown_field", "colour"},
      {R"({})", 400, "invalid_field", "command"},
      {R"({"command":[]})", 400, "invalid_field", "command"},
      {R"({"command":"true"})", 400, "invalid_field", "command"},
      {R"({"command":["tr\u0000ue"]})", 400, "invalid_field", "command"},
      {R"({"command":["true"],"requiredCpu":0})", 400, "invalid_field", "requiredCpu"},
      {R"({"command":["true"],"requiredCpu":-1})", 400, "invalid_field", "requiredCpu"},
      {R"({"command":["true"],"requiredCpu":1e300})", 400, "invalid_field", "requiredCpu"},
      {R"({"command":["true"],"requiredCpu":NaN})", 400, "invalid_json", ""},
      {R"({"command":["true"],"requiredRamMb":0})", 400, "invalid_field", "requiredRamMb"},
      {R"({"command":["true"],"timeoutMs":0})", 400, "invalid_field", "timeoutMs"},
      {R"({"command":["true"],"timeoutMs":99999999999})", 400, "invalid_field", "timeoutMs"},
      {R"({"command":["true"],"priority":3000000000})", 400, "invalid_field", "priority"},
      {R"({"command":["true"],"after":["0000000000000"]})", 400, "invalid_field", "after"},
      {R"({"command":["true"],"name":")" + huge_name + R"("})", 413, "too_large", "name"},
      {R"({"command":["true"],"sandbox":"image"})", 400, "invalid_field", "image"},
      {R"({"script":{"language":"js"}})", 400, "invalid_field", "script.code"},
      {R"({"script":{"language":"js","code":"1"},"sandbox":"none"})", 400, "invalid_field",
       "sandbox"},
  };
  for (const Bad& bad : table) {
    const Answer answer = post("/v1/jobs", bad.body);
    SCOPED_TRACE(bad.body.substr(0, 100));
    expect_problem(answer, bad.status, bad.code);
    if (!bad.field.empty() && answer.body.is_object()) {
      EXPECT_EQ(text(answer.body.as_object(), "field").find(bad.field), 0U) << answer.raw;
    }
  }
  EXPECT_EQ(hearth({"run", "--", "echo", "alive"}).out, "alive\n");
  EXPECT_EQ(get("/v1/jobs").body.as_object().at("jobs").as_array().size(), 1U);
}

TEST_F(BadInputTest, LimitsOfRequestsAreNamedWithTheirValue) {
  start_up();
  const Answer large = post("/v1/jobs", R"({"command":[")" + std::string(2 << 20, 'x') + R"("]})");
  expect_problem(large, 413, "too_large");
  EXPECT_EQ(number(large.body.as_object(), "limitValue"), 1 << 20);
  std::string many = "[";
  for (int i = 0; i < 10'001; ++i) {
    many += (i > 0 ? "," : "") + std::string(R"({"command":["true"]})");
  }
  expect_problem(post("/v1/jobs:batch", many + "]"), 413, "too_large");
  EXPECT_EQ(get("/v1/jobs").body.as_object().at("jobs").as_array().size(), 0U);
}

TEST_F(BadInputTest, UnknownIdsAndRoutesAndMethods) {
  start_up();
  for (const char* id : {"0000000000000", "nonsense", "..%2f..", "%00"}) {
    expect_problem(get(std::string("/v1/jobs/") + id), 404, "not_found");
    expect_problem(get(std::string("/v1/jobs/") + id + "/output?stream=stdout&offset=0"), 404,
                   "not_found");
    expect_problem(post(std::string("/v1/jobs/") + id + "/cancel", "{}"), 404, "not_found");
  }
  expect_problem(get("/v1/nothing"), 404, "not_found");
  expect_problem(post("/v1/agents", "{}"), 405, "method_not_allowed");
  expect_problem(get("/v1/jobs?limit=-1"), 400, "invalid_field");
  expect_problem(get("/v1/jobs?state=ASLEEP"), 400, "invalid_field");
  expect_problem(get("/v1/jobs?cursor=zzz%20"), 400, "invalid_field");
}

TEST_F(BadInputTest, BrowsersOfOthersAreRefused) {
  start_up();
  const std::string body = R"({"command":["true"]})";
  expect_problem(post("/v1/jobs", body, "text/plain"), 415, "unsupported_media_type");
  expect_problem(post("/v1/jobs", "command=true", "application/x-www-form-urlencoded"), 415,
                 "unsupported_media_type");
  client::HttpClient client(*client::parse_endpoint(http()));
  const auto foreign = client.request({.method = "POST",
                                       .target = "/v1/jobs",
                                       .body = body,
                                       .content_type = "application/json",
                                       .headers = {{"Origin", "http://evil.example"}}},
                                      std::chrono::seconds(10));
  ASSERT_TRUE(foreign);
  EXPECT_EQ(foreign->status, 403) << foreign->body;
  // A name of somebody else's that points here: what DNS rebinding looks like.
  const auto rebinding = client.request(
      {.target = "/v1/jobs", .headers = {{"Host", "evil.example:7070"}}}, std::chrono::seconds(10));
  ASSERT_TRUE(rebinding);
  EXPECT_EQ(rebinding->status, 403) << rebinding->body;
  EXPECT_EQ(get("/v1/jobs").body.as_object().at("jobs").as_array().size(), 0U);
}

}  // namespace
}  // namespace hearth::e2e
