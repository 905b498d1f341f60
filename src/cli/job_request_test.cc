#include "cli/job_request.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/files.h"
#include "base/testing/temp_dir.h"
#include "base/unique_fd.h"
#include "cli/follow.h"
#include "cli/json_text.h"
#include "cli/stdin_source.h"
#include "cli/table.h"

namespace hearth::cli {
namespace {

JobOptions with_command() {
  JobOptions options;
  options.command = {"true"};
  return options;
}

TEST(JobRequestTest, SaysOnlyWhatWasAskedFor) {
  EXPECT_EQ(*job_request_body(with_command(), {}, TimePoint{}), R"({"command":["true"]})");
}

TEST(JobRequestTest, CarriesEveryFlag) {
  JobOptions options = with_command();
  options.cpu = "0.5";
  options.cpu_limit = "1";
  options.memory = "1.5G";
  options.resources = {"licence=2"};
  options.timeout = "2m";
  options.grace = "500ms";
  options.retries = 2;
  options.retry_on_exit = {75};
  options.max_lost = 0;
  options.env = {"A=b=c"};
  options.requires_labels = {"disk=ssd"};
  options.labels = {"team=x"};
  options.after = {"0abc", "0def:any"};
  options.group = "g";
  options.group_limit = 3;
  options.delay = "1s";
  options.max_queue = "1h";
  options.array = "1-10";
  const auto body =
      job_request_body(options, {.stdin_bytes = "input", .code = {}}, time_from_ms(1'000));
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(boost::json::parse(*body), boost::json::parse(R"({
    "command":["true"],"stdin":"input","labels":{"team":"x"},"env":{"A":"b=c"},"maxRetries":2,
    "retryOn":{"exitCodes":[75]},"maxLost":0,"requiredCpu":0.5,"cpuLimit":1.0,"requiredRamMb":1536,
    "resources":{"licence":2},"timeoutMs":120000,"graceMs":500,"requires":{"disk":"ssd"},
    "group":"g","groupLimit":3,"after":["0abc",{"id":"0def","on":"any"}],
    "notBefore":"1970-01-01T00:00:02.000Z","maxQueueMs":3600000,"array":{"from":1,"to":10}})"));
}

JobOptions with_script(const std::string& file, const std::string& language = "") {
  JobOptions options;
  options.script_from = file;
  options.language = language;
  return options;
}

Result<std::string> body_of_script(const JobOptions& options, const std::string& code) {
  return job_request_body(options, {.stdin_bytes = {}, .code = code}, TimePoint{});
}

TEST(JobRequestTest, AScriptTakesWhatFollowsAsArguments) {
  JobOptions options = with_script("dir.py/hello.mjs");
  options.command = {"a", "-b"};
  options.image = "debian";
  const auto body = body_of_script(options, "console.log(1)\n");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(boost::json::parse(*body), boost::json::parse(R"({"image":"debian",
    "script":{"language":"js","code":"console.log(1)\n","args":["a","-b"]}})"));
  EXPECT_EQ(*body_of_script(with_script("-", "ruby"), "x"),
            R"({"script":{"language":"ruby","code":"x"}})");
}

TEST(JobRequestTest, AnUploadAndResultsAreNamed) {
  JobOptions options = with_command();
  options.upload_from = "project";
  options.results = {"out", "report.json"};
  const auto body = job_request_body(options, {.upload = "u1"}, TimePoint{});
  ASSERT_TRUE(body) << body.error().message;
  const auto value = boost::json::parse(*body);
  EXPECT_EQ(value.at("upload"), "u1");
  EXPECT_EQ(value.at("results"), boost::json::parse(R"(["out","report.json"])"));
}

TEST(JobRequestTest, TheLanguageIsToldByTheNameOfTheFile) {
  const std::vector<std::pair<const char*, const char*>> files = {
      {"a.js", "js"},     {"a.mjs", "js"}, {"a.cjs", "js"},
      {"a.py", "python"}, {"a.sh", "sh"},  {"a.bash", "sh"}};
  for (const auto& [file, language] : files) {
    EXPECT_EQ(*language_of_file(file), language) << file;
  }
  for (const char* file : {"-", "a", "js", "a.ts", "a.js.txt"}) {
    const auto refused = language_of_file(file);
    ASSERT_FALSE(refused) << file;
    EXPECT_NE(refused.error().message.find("--language"), std::string::npos) << file;
  }
}

TEST(JobRequestTest, AScriptThatCannotBeSentIsRefusedHere) {
  EXPECT_NE(body_of_script(with_script("a.js"), "").error().message.find("empty"),
            std::string::npos);
  EXPECT_NE(body_of_script(with_script("a.js"), "\xe9").error().message.find("UTF-8"),
            std::string::npos);
  JobOptions options = with_command();
  options.language = "js";
  EXPECT_NE(job_request_body(options, {}, TimePoint{}).error().message.find("--script"),
            std::string::npos);
}

TEST(JobInputsTest, ReadsScriptAndInput) {
  const hearth::testing::TempDir dir;
  const std::string file = dir.path() + "/a.py";
  ASSERT_TRUE(write_file_atomically(file, "print(1)"));
  const UniqueFd input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const Terminal terminal{.in_fd = input.get()};
  JobOptions options = with_script(file);
  options.stdin_from = "-";
  const auto inputs = read_job_inputs(options, terminal);
  ASSERT_TRUE(inputs) << inputs.error().message;
  EXPECT_EQ(inputs->code, "print(1)");
  EXPECT_EQ(inputs->stdin_bytes, "print(1)");
  options.script_from = "-";
  EXPECT_NE(read_job_inputs(options, terminal).error().message.find("exclude"), std::string::npos);
  EXPECT_NE(read_job_inputs(with_script(dir.path() + "/none.js"), terminal)
                .error()
                .message.find("none.js"),
            std::string::npos);
}

TEST(JobRequestTest, ABadFlagIsNamed) {
  const auto refused = [](auto change) {
    JobOptions options = with_command();
    change(options);
    const auto body = job_request_body(options, {}, TimePoint{});
    return body ? std::string("accepted: " + *body) : body.error().message;
  };
  EXPECT_EQ(refused([](auto& o) { o.cpu = "-1"; }).find("--cpu:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.memory = "lots"; }).find("--memory:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.timeout = "soon"; }).find("--timeout:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.env = {"HOME"}; }).find("--env:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.resources = {"x=y"}; }).find("--resource:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.array = "10"; }).find("--array:"), 0U);
  EXPECT_EQ(refused([](auto& o) { o.command.clear(); }).find("no command"), 0U);
}

TEST(ExitCodeTest, FollowsTheTableOfTheCommandLine) {
  const auto code = [](const char* job) { return exit_code_of(boost::json::parse(job)); };
  EXPECT_EQ(code(R"({"state":"COMPLETED","exitCode":0})"), 0);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"exit_nonzero","exitCode":3})"), 3);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"signaled","signal":11})"), 139);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"command_not_found"})"), 127);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"not_executable"})"), 126);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"oom","signal":9})"), 137);
  EXPECT_EQ(code(R"({"state":"FAILED","reason":"agent_lost"})"), 125);
  EXPECT_EQ(code(R"({"state":"TIMED_OUT","reason":"timed_out","signal":15})"), 124);
  EXPECT_EQ(code(R"({"state":"CANCELLED"})"), 130);
}

TEST(JsonTextTest, TimesAndQuantitiesReadBack) {
  const auto job = boost::json::parse(R"({"at":"2023-11-14T22:13:20.123Z","bad":"soon"})");
  EXPECT_EQ(time_at(job, "at"), time_from_ms(1'700'000'000'123));
  EXPECT_EQ(time_at(job, "bad"), TimePoint{});
  EXPECT_EQ(human_duration(Duration(12)), "12 ms");
  EXPECT_EQ(human_duration(Duration(3'250)), "3.2 s");
  EXPECT_EQ(human_duration(Duration(245'000)), "4 m 5 s");
  EXPECT_EQ(human_bytes(512LL << 20), "512 MiB");
  EXPECT_EQ(*decode_base64("aGVsbG8A/w=="), std::string("hello\0\xff", 7));
  EXPECT_FALSE(decode_base64("a b"));
}

TEST(TableTest, AlignsAndCleans) {
  Table table({"A", "B"});
  table.add({"x\ny", "1"});
  table.add({"größer", "2"});
  EXPECT_EQ(table.text(), "A       B\nx?y     1\ngrößer  2\n");
  EXPECT_EQ(clean_cell("abcdefgh", 6), "abc...");
}

}  // namespace
}  // namespace hearth::cli
