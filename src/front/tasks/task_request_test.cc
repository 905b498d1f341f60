// The body of POST /tasks: defaults, every field, and what is refused with which field named.
#include "front/tasks/task_request.h"

#include <gtest/gtest.h>

#include "base/task_limits.h"

namespace hearth::tasks {
namespace {

Result<JobSpec> parse(const std::string& text) {
  auto request = parse_task_request(text, {});
  if (!request) {
    return request.error();
  }
  EXPECT_FALSE(request->is_batch);
  EXPECT_EQ(request->tasks.size(), 1U);
  return request->tasks.front();
}

// A good body with more members.
std::string with(const std::string& members) {
  return R"({"code":"1",)" + members + "}";
}

std::string repeated(char c, std::int64_t count) {
  return std::string(static_cast<std::size_t>(count), c);
}

TEST(TaskRequestTest, AnEmptyProgramIsNotAdvisedToBeLeftOut) {
  const auto empty = parse(R"({"code":""})");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message.find("leave it out"), std::string::npos);
}

TEST(TaskRequestTest, ACallbackUrlIsTakenWhereThePolicySaysSo) {
  const auto policy = callbacks::CallbackPolicy::parse("hooks.example,127.0.0.1:9000");
  ASSERT_TRUE(policy);
  const auto read = [](const std::string& url, const callbacks::CallbackPolicy& by) {
    auto request = parse_task_request(with(R"("callbackUrl":)" + url), by);
    return request ? std::move(request->tasks.front()) : Result<JobSpec>(request.error());
  };
  const auto good = read(R"("https://hooks.example/done?x=1")", *policy);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->callback_url, "https://hooks.example/done?x=1");
  EXPECT_TRUE(read(R"("http://127.0.0.1:9000/")", *policy));
  for (const char* url :
       {R"("http://127.0.0.1:9001/")", R"("http://other.example/")", R"("ftp://hooks.example/")",
        R"("")", "7", "null", R"("http://hooks.example/\r\nHost: x")"}) {
    const auto bad = read(url, *policy);
    ASSERT_FALSE(bad) << url;
    EXPECT_EQ(bad.error().code, ErrorCode::InvalidArgument) << url;
    EXPECT_EQ(bad.error().field, "callbackUrl") << url;
  }
  const auto off = read(R"("http://hooks.example/")", {});
  ASSERT_FALSE(off);
  EXPECT_NE(off.error().message.find("callback_hosts"), std::string::npos) << off.error().message;
}

TEST(TaskRequestTest, ATaskIsASandboxedScript) {
  const auto spec = parse(R"j({"code":"console.log(2+2)","prompt":"math test"})j");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->execution.script->code, "console.log(2+2)");
  EXPECT_EQ(spec->execution.script->language, "js");
  EXPECT_EQ(spec->prompt, "math test");
  EXPECT_EQ(spec->execution.timeout, limits::kTaskTimeoutDefault);
  EXPECT_EQ(spec->execution.grace, Duration(0));
  EXPECT_EQ(spec->scheduling.sandbox, SandboxLevel::Process);
  EXPECT_EQ(spec->scheduling.features, std::vector<std::string>{"lang:js"});
  EXPECT_TRUE(spec->execution.command.empty());
}

TEST(TaskRequestTest, ReadsEveryField) {
  const auto spec = parse(R"({"code":"\ufeffprint(1)\u0000","prompt":"","timeout":0.25,
      "language":"py","args":["a",""],"stdin":"in\u0000","env":{"A":"b"}})");
  ASSERT_TRUE(spec) << spec.error().field << ": " << spec.error().message;
  const ExecutionSpec& run = spec->execution;
  EXPECT_EQ(run.script->code, std::string("\xef\xbb\xbfprint(1)\0", 12));
  EXPECT_EQ(run.script->language, "python");
  EXPECT_EQ(run.script->args, (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(run.timeout, Duration(250));
  EXPECT_EQ(run.stdin_bytes, std::string("in\0", 3));
  EXPECT_EQ(run.env, (std::map<std::string, std::string>{{"A", "b"}}));
  EXPECT_EQ(spec->scheduling.features, std::vector<std::string>{"lang:python"});
  EXPECT_EQ(parse(with(R"("timeout":5)"))->execution.timeout, Duration(5'000));
  EXPECT_EQ(parse(with(R"("timeout":604800)"))->execution.timeout, limits::kTimeoutMax);
}

struct Bad {
  std::string body;
  const char* field;
  const char* kind = "invalid_field";
};

TEST(TaskRequestTest, NamesTheFieldThatIsWrong) {
  const std::vector<Bad> cases = {
      {"{}", "code"},
      {R"({"prompt":"p"})", "code"},
      {R"({"code":""})", "code"},
      {R"({"code":null})", "code"},
      {R"({"code":["1"]})", "code"},
      {R"({"code":")" + repeated('x', limits::kScriptCodeBytesMax + 1) + R"("})", "code",
       "too_large"},
      {with(R"("timeout":0)"), "timeout"},
      {with(R"("timeout":-1)"), "timeout"},
      {with(R"("timeout":1e9)"), "timeout"},
      {with(R"("timeout":1e400)"), "timeout"},
      {with(R"("timeout":0.0001)"), "timeout"},
      {with(R"("timeout":604801)"), "timeout"},
      {with(R"("timeout":"5")"), "timeout"},
      {with(R"("timeout":null)"), "timeout"},
      {with(R"("timeout":true)"), "timeout"},
      {with(R"("language":"")"), "language"},
      {with(R"("language":"Java Script")"), "language"},
      {with(R"("language":7)"), "language"},
      {with(R"("prompt":7)"), "prompt"},
      {with(R"("prompt":")" + repeated('p', limits::kPromptBytesMax + 1) + R"(")"), "prompt",
       "too_large"},
      {with(R"("args":"a")"), "args"},
      {with(R"("args":["a\u0000"])"), "args[0]"},
      {with(R"("env":{"A=":"b"})"), "env.A="},
      {with(R"("stdin":1)"), "stdin"},
      {with(R"("code":"2")"), "code"},
      {with(R"("priority":1)"), "priority", "unknown_field"},
      {with(R"("sandbox":"none")"), "sandbox", "unknown_field"},
  };
  for (const Bad& bad : cases) {
    const auto spec = parse(bad.body);
    ASSERT_FALSE(spec) << bad.body.substr(0, 100);
    EXPECT_EQ(spec.error().field, bad.field) << bad.body.substr(0, 100);
    EXPECT_EQ(spec.error().kind, bad.kind) << bad.body.substr(0, 100);
  }
}

TEST(TaskRequestTest, RefusesWhatIsNoJson) {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("null"), std::string("\"code\""),
        std::string("7"), with(R"("timeout":NaN)"), std::string(R"({"code":"\ud800"})"),
        std::string("\xef\xbb\xbf{\"code\":\"1\"}"), std::string("{\"code\":\"\xff\"}"),
        repeated('[', 10'000), with("\"env\":") + repeated('{', 10'000)}) {
    const auto request = parse_task_request(body, {});
    ASSERT_FALSE(request && request->tasks.front()) << body.substr(0, 80);
    const Error error = request ? request->tasks.front().error() : request.error();
    EXPECT_EQ(error.kind, "invalid_json") << body.substr(0, 80);
  }
}

TEST(TaskRequestTest, AnArrayIsABatchInWhichEachStandsForItself) {
  const auto request = parse_task_request(R"([{"code":"1"},{"code":""},7,{"code":"2"}])", {});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_TRUE(request->is_batch);
  ASSERT_EQ(request->tasks.size(), 4U);
  EXPECT_EQ(request->tasks[0]->execution.script->code, "1");
  EXPECT_EQ(request->tasks[1].error().field, "code");
  EXPECT_EQ(request->tasks[2].error().kind, "invalid_json");
  EXPECT_EQ(request->tasks[3]->execution.script->code, "2");
}

TEST(TaskRequestTest, ABatchHasBounds) {
  const auto batch_of = [](std::int64_t count) {
    std::string text = "[";
    for (std::int64_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + std::string(R"({"code":"1"})");
    }
    return parse_task_request(text + "]", {});
  };
  EXPECT_EQ(batch_of(0).error().kind, "invalid_request");
  ASSERT_TRUE(batch_of(limits::kTaskBatchItemsMax));
  const auto refused = batch_of(limits::kTaskBatchItemsMax + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "task_batch_items_max");
}

}  // namespace
}  // namespace hearth::tasks
