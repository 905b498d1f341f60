// What strangers may send to /tasks: each time an answer that says what is wrong, never a 5xx, and
// a server that works as before.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"
#include "base/task_limits.h"
#include "net/testing/raw_client.h"
#include "tests/e2e/tasks_fixture.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::text;
using net::testing::RawClient;
using net::testing::RawResponse;

namespace {

struct Bad {
  std::string body;
  int status;
  std::string field;
};

class TasksAbuseTest : public TasksFixture {
 protected:
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(http().substr(http().rfind(':') + 1)));
  }
  static void expect_problem(const Answer& answer, int status, const std::string& field = "") {
    EXPECT_EQ(answer.status, status) << answer.raw;
    ASSERT_TRUE(answer.headers.contains("content-type")) << answer.raw;
    EXPECT_EQ(answer.headers.at("content-type").find("application/problem+json"), 0U);
    const json::object problem = object_of(answer);
    EXPECT_FALSE(text(problem, "code").empty()) << answer.raw;
    EXPECT_FALSE(text(problem, "detail").empty()) << answer.raw;
    EXPECT_EQ(text(problem, "field"), field) << answer.raw;
  }
  RawResponse send_raw(const std::string& bytes) {
    RawClient client(port());
    client.send(bytes);
    return client.read_response();
  }
  // A task works, and the server has made nothing of all that was wrong.
  void expect_fine() {
    EXPECT_EQ(get("/tasks").body.at("tasks").as_array().size(), 0U);
    EXPECT_EQ(text(run_task(script("console.log('fine')")), "stdout"), "fine\n");
    EXPECT_EQ(get("/healthz").status, 200);
  }
};

TEST_F(TasksAbuseTest, EveryBadBodyIsRefusedWithWhatIsWrong) {
  start_up();
  const std::string code = R"({"code":"1",)";
  const std::vector<Bad> table = {
      {"", 400, ""},
      {"not json", 400, ""},
      {R"({"code":"1")", 400, ""},
      {"\xEF\xBB\xBF{\"code\":\"1\"}", 400, ""},
      {std::string(10'000, '['), 400, ""},
      {std::string(10'000, '[') + std::string(10'000, ']'), 400, ""},
      {"null", 400, ""},
      {"\"console.log(1)\"", 400, ""},
      {"1e400", 400, ""},
      {"{}", 400, "code"},
      {"[]", 400, ""},
      {R"({"code":"1","code":"2"})", 400, "code"},
      {R"({"code":""})", 400, "code"},
      {R"({"code":1})", 400, "code"},
      {R"({"code":null})", 400, "code"},
      {R"({"code":"\ud800"})", 400, ""},
      {R"({"code":"\udc00\ud800"})", 400, ""},
      {"{\"code\":\"\xff\"}", 400, ""},
      {code + R"("timeout":0})", 400, "timeout"},
      {code + R"("timeout":-1})", 400, "timeout"},
      {code + R"("timeout":1e9})", 400, "timeout"},
      {code + R"("timeout":1e400})", 400, "timeout"},
      {code + R"("timeout":"5"})", 400, "timeout"},
      {code + R"("timeout":null})", 400, "timeout"},
      {code + R"("timeout":NaN})", 400, ""},
      {code + R"("language":"cobol"})", 400, "language"},
      {code + R"("language":""})", 400, "language"},
      {code + R"("language":"../../bin/sh"})", 400, "language"},
      {code + R"("args":"one"})", 400, "args"},
      {code + R"("args":["a\u0000b"]})", 400, "args[0]"},
      {code + R"("env":{"A=B":"1"}})", 400, "env.A=B"},
      {code + R"("env":["A"]})", 400, "env"},
      {code + R"("stdin":5})", 400, "stdin"},
      {code + R"("colour":"red"})", 400, "colour"},
  };
  for (const Bad& bad : table) {
    SCOPED_TRACE(bad.body.substr(0, 80));
    expect_problem(post("/tasks", bad.body), bad.status, bad.field);
  }
  expect_problem(post("/tasks?wait=-1", R"({"code":"1"})"), 400, "wait");
  expect_problem(post("/tasks?wait=61", R"({"code":"1"})"), 400, "wait");
  expect_problem(post("/tasks?later=1", R"({"code":"1"})"), 400, "later");
  expect_fine();
}

TEST_F(TasksAbuseTest, WhatIsTooLargeIsRefusedWithItsLimit) {
  start_up();
  const auto mib = static_cast<std::size_t>(limits::kScriptCodeBytesMax);
  const Answer large = post("/tasks", json::serialize(script(std::string(mib + 1, ' '))));
  EXPECT_EQ(large.status, 413) << large.raw;
  json::array many;
  for (std::int64_t i = 0; i <= limits::kTaskBatchItemsMax; ++i) {
    many.push_back(script("1"));
  }
  const Answer batch = post("/tasks", json::serialize(many));
  EXPECT_EQ(batch.status, 413) << batch.raw;
  EXPECT_EQ(harness::number(object_of(batch), "limitValue"), limits::kTaskBatchItemsMax);
  const Answer prompt = post(
      "/tasks",
      json::serialize(script("1", {{"prompt", std::string(limits::kPromptBytesMax + 1, 'p')}})));
  EXPECT_EQ(prompt.status, 413) << prompt.raw;
  expect_fine();
}

TEST_F(TasksAbuseTest, OtherThanJsonAndBrokenRequestsAreRefused) {
  start_up();
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""}) {
    SCOPED_TRACE(type);
    EXPECT_EQ(send_raw(net::testing::post("/tasks", R"({"code":"1"})", type)).status, 415);
  }
  std::string headers = "POST /tasks HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 10'000; ++i) {
    headers += "X-" + std::to_string(i) + ": y\r\n";
  }
  const int answered = send_raw(headers + "\r\n").status;
  EXPECT_TRUE(answered == 431 || answered == 0) << answered << ": cut off before it could read it";
  EXPECT_EQ(send_raw("POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .status,
            400);
  {
    // One that never ends its body, and one that does not even end its head, hold up nobody.
    RawClient endless(port());
    endless.send(
        "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"cod");
    RawClient slow(port());
    slow.send("POST /tas");
    expect_fine();
  }
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(TasksAbuseTest, OddCodeIsRunAsItIs) {
  start_up();
  const json::object nul = run_task(script(std::string("console.log('a\0b'.length)", 25)));
  EXPECT_EQ(text(nul, "stdout"), "3\n") << json::serialize(nul);
  const json::object bom =
      run_task(script("\xEF\xBB\xBF"
                      "console.log('after the mark')"));
  EXPECT_EQ(text(bom, "stdout"), "after the mark\n") << json::serialize(bom);
  const json::object largest = run_task(
      script("console.log(1);" +
             std::string(static_cast<std::size_t>(limits::kScriptCodeBytesMax) - 1'000, '/')));
  EXPECT_EQ(text(largest, "stdout"), "1\n") << text(largest, "error");
  const json::object bytes =
      run_task(script("process.stdout.write(Buffer.from([0x61, 0xff, 0, 0x62]))"));
  EXPECT_EQ(text(bytes, "stdoutBase64"), "Yf8AYg==") << json::serialize(bytes);
}

}  // namespace
}  // namespace hearth::e2e
