// What the codec of a job's body refuses, and which field it names.
#include <gtest/gtest.h>

#include <vector>

#include "base/limits.h"
#include "base/task_limits.h"
#include "base/upload_limits.h"
#include "front/rest/job_request.h"
#include "front/rest/testing/job_bodies.h"

namespace hearth::rest {
namespace {

using testing::parse;
using testing::repeated;
using testing::script_with;
using testing::with;

struct Bad {
  std::string body;
  const char* field;
  const char* kind = "invalid_field";
};

void expect_refused(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases) {
    const auto request = parse(bad.body);
    ASSERT_FALSE(request) << bad.body.substr(0, 200);
    EXPECT_EQ(request.error().field, bad.field) << bad.body.substr(0, 200);
    EXPECT_EQ(request.error().kind, bad.kind) << bad.body.substr(0, 200);
    EXPECT_FALSE(request.error().message.empty());
  }
}

TEST(JobRequestRefusalsTest, RefusesScriptsAndImagesThatCannotBe) {
  const auto script = [](const std::string& value) { return "{\"script\":" + value + "}"; };
  const std::string js = R"("language":"js")";
  expect_refused({
      {script("null"), "script"},
      {script("\"1\""), "script"},
      {script(R"({"code":"1"})"), "script.language"},
      {script("{" + js + "}"), "script.code"},
      {script("{" + js + R"(,"code":""})"), "script.code"},
      {script("{" + js + R"(,"code":["1"]})"), "script.code"},
      {script("{" + js + R"(,"code":"1","file":"a"})"), "script.file", "unknown_field"},
      {script("{" + js + R"(,"code":"1","args":"a"})"), "script.args"},
      {script("{" + js + R"(,"code":"1","args":["a","\u0000"]})"), "script.args[1]"},
      {script("{" + js + R"(,"code":"1","args":[")" + repeated('x', limits::kCommandBytesMax / 2) +
              R"(",")" + repeated('x', limits::kCommandBytesMax / 2) + R"("]})"),
       "script.args", "too_large"},
      {script(R"({"language":"","code":"1"})"), "script.language"},
      {script(R"({"language":"JavaScript","code":"1"})"), "script.language"},
      {script(R"({"language":"a/b","code":"1"})"), "script.language"},
      {script(R"({"language":")" + repeated('a', limits::kLanguageBytesMax + 1) +
              R"(","code":"1"})"),
       "script.language", "too_large"},
      {script_with(R"("sandbox":"none")"), "sandbox"},
      {script_with(R"("sandbox":"image")"), "image"},
      {script_with(R"("image":"a","sandbox":"process")"), "sandbox"},
      {with(R"("image":"a","sandbox":"none")"), "sandbox"},
      {with(R"("sandbox":"image")"), "image"},
      {with(R"("image":"../etc")"), "image"},
      {with(R"("image":"")"), "image"},
      {with(R"("image":")" + repeated('a', limits::kImageNameBytesMax + 1) + R"(")"), "image",
       "too_large"},
  });
}

std::string paths(std::int64_t count) {
  std::string all;
  for (std::int64_t i = 0; i < count; ++i) {
    all += R"(,"x")";
  }
  return all;
}

TEST(JobRequestRefusalsTest, RefusesCommandsThatCannotRun) {
  expect_refused({
      {"{}", "command"},
      {R"({"command":[]})", "command"},
      {R"({"command":"true"})", "command"},
      {R"({"command":null})", "command"},
      {R"({"command":[""]})", "command[0]"},
      {R"({"command":["a",1]})", "command[1]"},
      {R"({"command":["a","b\u0000c"]})", "command[1]"},
      {R"({"command":["a"],"script":{"language":"js","code":"1"}})", "script"},
      {with(R"("upload":"")"), "upload"},
      {with(R"("upload":"../u1")"), "upload"},
      {with(R"("upload":1)"), "upload"},
      {with(R"("upload":"u1","sandbox":"none")"), "sandbox"},
      {with(R"("results":"out")"), "results"},
      {with(R"("results":["out",""])"), "results[1]"},
      {with(R"("results":["/etc/passwd"])"), "results[0]"},
      {with(R"("results":["a/../../b"])"), "results[0]"},
      {with(R"("results":["out/"])"), "results[0]"},
      {with(R"("results":["a\u0000b"])"), "results[0]"},
      {with(R"("results":["a\nb"])"), "results[0]"},
      {with(R"("results":["out"],"cwd":"/srv")"), "results"},
      {with(R"("results":[")" + repeated('x', limits::kResultPathBytesMax + 1) + R"("])"),
       "results[0]", "too_large"},
      {with(R"("results":["x")" + paths(limits::kResultPathsMax) + "]"), "results", "too_large"},
      {R"({"command":[")" + repeated('x', limits::kCommandBytesMax + 1) + R"("]})", "command[0]",
       "too_large"},
      {R"({"command":[")" + repeated('x', limits::kCommandBytesMax / 2) + R"(",")" +
           repeated('x', limits::kCommandBytesMax / 2) + R"("]})",
       "command", "too_large"},
  });
}

TEST(JobRequestRefusalsTest, RefusesQuantitiesOutOfRange) {
  std::vector<Bad> cases;
  const auto each = [&cases](const char* field, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      cases.push_back({with("\"" + std::string(field) + "\":" + value), field});
    }
  };
  const std::vector<std::string> not_numbers = {"\"1\"", "true", "[]", "{}", "null"};
  for (const char* field : {"requiredCpu", "cpuLimit", "requiredRamMb", "gpus", "timeoutMs",
                            "graceMs", "priority", "maxRetries", "maxLost", "maxQueueMs"}) {
    each(field, not_numbers);
    each(field, {"1e300", "99999999999999999999999", "-9223372036854775809"});
  }
  each("requiredCpu", {"0", "-1", "0.0001", "1025", "-0.0"});
  each("cpuLimit", {"0", "-0.5", "1e9"});
  each("requiredRamMb", {"0", "-1", "0.5", "67108865", "18446744073709551615"});
  each("gpus", {"-1", "1.5", "1025"});
  each("timeoutMs", {"0", "-1", "604800001", "1.25"});
  each("graceMs", {"-1", "600001"});
  each("priority", {"2147483648", "-2147483649"});
  each("maxRetries", {"-1", "1001"});
  each("maxLost", {"-1", "1001"});
  each("maxQueueMs", {"0", "31536000001"});
  expect_refused(cases);
  EXPECT_TRUE(parse(with(R"("timeoutMs":604800000,"graceMs":600000)")));
  EXPECT_TRUE(parse(with(R"("priority":-2147483648,"requiredCpu":1024)")));
}

TEST(JobRequestRefusalsTest, RefusesTextsThatAreWrongOrTooLong) {
  const std::string long_name = repeated('n', limits::kNameBytesMax + 1);
  expect_refused({
      {with(R"("name":"")"), "name"},
      {with(R"("name":5)"), "name"},
      {with(R"("name":"a\u0000")"), "name"},
      {with(R"("name":")" + long_name + R"(")"), "name", "too_large"},
      {with(R"("queue":"")"), "queue"},
      {with(R"("group":")" + long_name + R"(")"), "group", "too_large"},
      {with(R"("cwd":"")"), "cwd"},
      {with(R"("cwd":"/a\u0000b")"), "cwd"},
      {with(R"("cwd":")" + repeated('/', limits::kCwdBytesMax + 1) + R"(")"), "cwd", "too_large"},
      {with(R"("idempotencyKey":")" + long_name + R"(")"), "idempotencyKey", "too_large"},
      {with(R"("stdin":")" + repeated('x', limits::kStdinBytesMax + 1) + R"(")"), "stdin",
       "too_large"},
      {with(R"("stdin":["a"])"), "stdin"},
      {with(R"("sandbox":"strong")"), "sandbox"},
      {with(R"("sandbox":1)"), "sandbox"},
      {with(R"("onInfeasible":"perhaps")"), "onInfeasible"},
      {with(R"("onOutputLimit":"")"), "onOutputLimit"},
      {with(R"("notBefore":"tomorrow")"), "notBefore"},
      {with(R"("notBefore":1795334400)"), "notBefore"},
      {with(R"("notBefore":"2026-02-30T00:00:00Z")"), "notBefore"},
  });
}

TEST(JobRequestRefusalsTest, RefusesMapsThatAreWrongOrTooLarge) {
  std::string many = "{";
  for (std::int64_t i = 0; i <= limits::kLabelsMax; ++i) {
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  }
  many += "}";
  const std::string long_label = repeated('l', limits::kLabelBytesMax + 1);
  const std::string half = repeated('e', limits::kEnvironmentBytesMax / 2);
  expect_refused({
      {with(R"("labels":["a"])"), "labels"},
      {with(R"("labels":{"":"x"})"), "labels."},
      {with(R"("labels":{"a\n":"x"})"), "labels.a\n"},
      {with(R"("labels":{"a":1})"), "labels.a"},
      {with("\"labels\":" + many), "labels", "too_large"},
      {with("\"requires\":" + many), "requires", "too_large"},
      {with(R"("labels":{"a":")" + long_label + R"("})"), "labels.a", "too_large"},
      {with(R"("env":{"A=B":"x"})"), "env.A=B"},
      {with(R"("env":{"":"x"})"), "env."},
      {with(R"("env":{"A":"x\u0000"})"), "env.A"},
      {with(R"("env":{"A":1})"), "env.A"},
      {with(R"("env":{"A":"x"},"secretEnv":{"A":"y"})"), "secretEnv.A"},
      {with(R"("env":{"A":")" + half + R"("},"secretEnv":{"B":")" + half + R"("})"), "secretEnv",
       "too_large"},
      {with(R"("resources":{"a b":1})"), "resources.a b"},
      {with(R"("resources":{"a":0})"), "resources.a"},
      {with(R"("resources":{"a":-1})"), "resources.a"},
      {with(R"("resources":{"a":1000000001})"), "resources.a"},
  });
}

TEST(JobRequestRefusalsTest, RefusesBadRetriesDependenciesAndArrays) {
  std::string many = "[\"0000000000001\"";
  for (std::int64_t i = 0; i < limits::kDependenciesMax; ++i) {
    many += ",\"0000000000001\"";
  }
  expect_refused({
      {with(R"("backoff":{"initialMs":-1})"), "backoff.initialMs"},
      {with(R"("backoff":{"factor":0.5})"), "backoff.factor"},
      {with(R"("backoff":{"factor":1e400})"), "backoff.factor"},
      {with(R"("backoff":{"initialMs":10,"maxMs":9})"), "backoff.maxMs"},
      {with(R"("backoff":{"jitter":1})"), "backoff.jitter", "unknown_field"},
      {with(R"("backoff":5)"), "backoff"},
      {with(R"("retryOn":{"exitCodes":[256]})"), "retryOn.exitCodes[0]"},
      {with(R"("retryOn":{"exitCodes":1})"), "retryOn.exitCodes"},
      {with(R"("retryOn":{"reasons":["oom","bad luck"]})"), "retryOn.reasons[1]"},
      {with(R"("retryOn":{"reasons":[""]})"), "retryOn.reasons[0]"},
      {with(R"("retryOn":{"signals":[9]})"), "retryOn.signals", "unknown_field"},
      {with(R"("after":"0000000000001")"), "after"},
      {with(R"("after":["nonsense!"])"), "after[0]"},
      {with(R"("after":["@ref"])"), "after[0]"},
      {with(R"("after":[{"on":"ok"}])"), "after[0].id"},
      {with(R"("after":[{"id":"0000000000001","on":"maybe"}])"), "after[0].on"},
      {with(R"("after":[{"id":"0000000000001","if":"ok"}])"), "after[0].if", "unknown_field"},
      {with("\"after\":" + many + "]"), "after", "too_large"},
      {with(R"("groupLimit":2)"), "groupLimit"},
      {with(R"("group":"g","groupLimit":0)"), "groupLimit"},
      {with(R"("array":{"from":1})"), "array.to"},
      {with(R"("array":{"to":1})"), "array.from"},
      {with(R"("array":{"from":2,"to":1})"), "array.to"},
      {with(R"("array":{"from":-1,"to":1})"), "array.from"},
      {with(R"("array":{"from":0,"to":10000})"), "array", "too_large"},
      {with(R"("array":{"from":0,"to":1,"step":1})"), "array.step", "unknown_field"},
      {with(R"("array":[1,2])"), "array"},
      {with(R"("array":{"from":1,"to":10000},"stdin":")" + repeated('x', 10'000) + R"(")"), "array",
       "too_large"},
  });
}

TEST(JobRequestRefusalsTest, NamesUnknownAndDuplicateFields) {
  expect_refused({
      {with(R"("comand":["x"])"), "comand", "unknown_field"},
      {with(R"("ref":"a")"), "ref", "unknown_field"},
      {with(R"("Name":"x")"), "Name", "unknown_field"},
      {with(R"("name":"x","name":"y")"), "name"},
      {with(R"("env":{"A":"1","A":"2"})"), "env.A"},
  });
}

TEST(JobRequestRefusalsTest, RefusesWhatIsNoJsonObject) {
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("null"), std::string("\"x\""),
        std::string("{"), with("\"name\":\"\xff\xfe\""), with(R"("requiredCpu":NaN)"),
        with(R"("requiredCpu":Infinity)"), repeated('[', 100'000), with("\"name\":\"x\"") + "}"}) {
    const auto request = parse(body);
    ASSERT_FALSE(request) << body.substr(0, 100);
    EXPECT_EQ(request.error().kind, "invalid_json") << body.substr(0, 100);
  }
}

}  // namespace
}  // namespace hearth::rest
