// The codec of a job's body: defaults, every field, and what is refused with which field named.
#include "front/rest/job_request.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/limits.h"
#include "base/task_limits.h"
#include "base/upload_limits.h"
#include "front/rest/job_json.h"
#include "net/json_reader.h"

namespace hearth::rest {
namespace {

Result<JobRequest> parse(std::string_view text) {
  return parse_job_request(text, RequestKind::Single);
}

// A good body with more members: with(R"("gpus":1)").
std::string with(std::string_view members) {
  return R"({"command":["true"],)" + std::string(members) + "}";
}

std::string paths(std::int64_t count) {
  std::string all;
  for (std::int64_t i = 0; i < count; ++i) {
    all += R"(,"x")";
  }
  return all;
}

std::string repeated(char c, std::int64_t count) {
  return std::string(static_cast<std::size_t>(count), c);
}

TEST(JobRequestTest, DefaultsAreThoseOfTheSpec) {
  const auto request = parse(R"({"command":["true"]})");
  ASSERT_TRUE(request) << request.error().message;
  const SchedulingSpec& scheduling = request->spec.scheduling;
  const ExecutionSpec& execution = request->spec.execution;
  EXPECT_EQ(scheduling.queue, "default");
  EXPECT_EQ(scheduling.request.cpu_milli, 1000);
  EXPECT_EQ(scheduling.request.memory_bytes, 512 * limits::kMiB);
  EXPECT_EQ(scheduling.request.gpus, 0);
  EXPECT_EQ(scheduling.sandbox, SandboxLevel::None);
  EXPECT_EQ(scheduling.priority, 0);
  EXPECT_EQ(scheduling.max_retries, 0);
  EXPECT_EQ(scheduling.max_lost, 5);
  EXPECT_EQ(scheduling.on_infeasible, OnInfeasible::Wait);
  EXPECT_EQ(execution.cpu_limit_milli, 2000);
  EXPECT_EQ(execution.timeout, Duration(300'000));
  EXPECT_EQ(execution.grace, Duration(5'000));
  EXPECT_EQ(execution.on_output_limit, OnOutputLimit::Truncate);
  EXPECT_FALSE(request->array);
}

TEST(JobRequestTest, ReadsEveryField) {
  const auto request = parse(R"({
    "command":["sh","-c",""],"name":"n","queue":"q","labels":{"a":"1","b":""},
    "requires":{"gpu":"a100"},"requiredCpu":0.25,"cpuLimit":0.5,"requiredRamMb":64,"gpus":2,
    "resources":{"z":2,"a":1},"timeoutMs":1,"graceMs":0,"priority":-7,"env":{"A":"x"},
    "secretEnv":{"S":"y"},"cwd":"/tmp","stdin":"a\u0000b","sandbox":"process","maxRetries":3,
    "backoff":{"initialMs":10,"factor":1.5,"maxMs":100},
    "retryOn":{"exitCodes":[1,255],"reasons":["oom"]},"maxLost":0,
    "after":["0000000000001",{"id":"0000000000002","on":"any"},{"on":"notok","id":"0000000000003"}],
    "group":"g","groupLimit":4,"notBefore":"2026-11-22T08:00:00Z","maxQueueMs":9,
    "onInfeasible":"reject","onOutputLimit":"kill","idempotencyKey":"k"})");
  ASSERT_TRUE(request) << request.error().field << ": " << request.error().message;
  const SchedulingSpec& scheduling = request->spec.scheduling;
  const ExecutionSpec& execution = request->spec.execution;
  EXPECT_EQ(execution.command, (std::vector<std::string>{"sh", "-c", ""}));
  EXPECT_EQ(request->spec.name, "n");
  EXPECT_EQ(scheduling.queue, "q");
  EXPECT_EQ(request->spec.labels, (Labels{{"a", "1"}, {"b", ""}}));
  EXPECT_EQ(scheduling.requires_labels, (Labels{{"gpu", "a100"}}));
  EXPECT_EQ(scheduling.request, (ResourceVector{.cpu_milli = 250,
                                                .memory_bytes = 64 * limits::kMiB,
                                                .gpus = 2,
                                                .named = {{"a", 1}, {"z", 2}}}));
  EXPECT_EQ(execution.cpu_limit_milli, 500);
  EXPECT_EQ(execution.timeout, Duration(1));
  EXPECT_EQ(execution.grace, Duration(0));
  EXPECT_EQ(scheduling.priority, -7);
  EXPECT_EQ(execution.env.at("A"), "x");
  EXPECT_EQ(execution.secret_env.at("S"), "y");
  EXPECT_EQ(execution.cwd, "/tmp");
  EXPECT_EQ(execution.stdin_bytes, std::string("a\0b", 3));
  EXPECT_EQ(scheduling.sandbox, SandboxLevel::Process);
  EXPECT_EQ(scheduling.max_retries, 3);
  EXPECT_EQ(scheduling.backoff,
            (Backoff{.initial = Duration(10), .factor = 1.5, .max = Duration(100)}));
  EXPECT_EQ(scheduling.retry_on.exit_codes, (std::vector<std::int32_t>{1, 255}));
  EXPECT_EQ(scheduling.retry_on.reasons, (std::vector<Reason>{Reason::Oom}));
  EXPECT_EQ(scheduling.max_lost, 0);
  ASSERT_EQ(scheduling.after.size(), 3U);
  EXPECT_EQ(scheduling.after[1].condition, DependencyCondition::Any);
  EXPECT_EQ(scheduling.after[2].job, JobId(3));
  EXPECT_EQ(scheduling.group, "g");
  EXPECT_EQ(scheduling.group_limit, 4);
  EXPECT_EQ(scheduling.not_before, time_from_ms(1'795'334'400'000));
  EXPECT_EQ(scheduling.max_queue, Duration(9));
  EXPECT_EQ(scheduling.on_infeasible, OnInfeasible::Reject);
  EXPECT_EQ(execution.on_output_limit, OnOutputLimit::Kill);
  EXPECT_EQ(request->spec.idempotency_key, "k");
}

TEST(JobRequestTest, TheCpuLimitFollowsWhatIsReserved) {
  EXPECT_EQ(parse(with(R"("requiredCpu":1.5)"))->spec.execution.cpu_limit_milli, 2000);
  EXPECT_EQ(parse(with(R"("requiredCpu":8)"))->spec.execution.cpu_limit_milli, 8000);
  EXPECT_EQ(parse(with(R"("requiredCpu":8,"cpuLimit":9)"))->spec.execution.cpu_limit_milli, 9000);
}

TEST(JobRequestTest, WholeNumbersMayBeWrittenWithAPoint) {
  EXPECT_EQ(parse(with(R"("requiredRamMb":64.0,"timeoutMs":1e3)"))->spec.execution.timeout,
            Duration(1000));
}

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

// A good script with more members of the job.
std::string script_with(std::string_view members) {
  return R"({"script":{"language":"js","code":"1"},)" + std::string(members) + "}";
}

TEST(JobRequestTest, AScriptIsSandboxedAndNeedsItsLanguage) {
  const auto request =
      parse(R"({"script":{"language":"python3","code":"print(1)\u0000\ufeff","args":["","a b"]}})");
  ASSERT_TRUE(request) << request.error().message;
  const ExecutionSpec& run = request->spec.execution;
  ASSERT_TRUE(run.script);
  EXPECT_EQ(run.script->language, "python");
  EXPECT_EQ(run.script->code, std::string("print(1)\0\xef\xbb\xbf", 12));
  EXPECT_EQ(run.script->args, (std::vector<std::string>{"", "a b"}));
  EXPECT_TRUE(run.command.empty());
  EXPECT_EQ(run.grace, Duration(0));
  EXPECT_EQ(request->spec.scheduling.sandbox, SandboxLevel::Process);
  EXPECT_EQ(request->spec.scheduling.features, std::vector<std::string>{"lang:python"});
  EXPECT_EQ(parse(script_with(R"("graceMs":70)"))->spec.execution.grace, Duration(70));
  EXPECT_EQ(parse(script_with(R"("sandbox":"process")"))->spec,
            parse(script_with(R"("gpus":0)"))->spec);
}

TEST(JobRequestTest, AnImageIsItsSandbox) {
  for (const std::string& body :
       {with(R"("image":"debian:12")"), with(R"("image":"debian:12","sandbox":"image")"),
        script_with(R"("image":"debian:12")")}) {
    const auto request = parse(body);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->spec.execution.image, "debian:12");
    EXPECT_EQ(request->spec.scheduling.sandbox, SandboxLevel::Image);
    EXPECT_EQ(request->spec.scheduling.features.front(), "image:debian:12");
  }
}

TEST(JobRequestTest, RefusesScriptsAndImagesThatCannotBe) {
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

TEST(JobRequestTest, CodeIsBoundedAndCounts) {
  const auto with_code = [](std::int64_t bytes) {
    return parse(R"({"script":{"language":"js","code":")" + repeated('x', bytes) + R"("}})");
  };
  const auto largest = with_code(limits::kScriptCodeBytesMax);
  ASSERT_TRUE(largest) << largest.error().message;
  EXPECT_GE(payload_bytes(largest->spec), limits::kScriptCodeBytesMax);
  const auto refused = with_code(limits::kScriptCodeBytesMax + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "script_code_bytes_max");
  EXPECT_EQ(refused.error().field, "script.code");
}

TEST(JobRequestTest, AnUploadIsUnpackedInASandbox) {
  const auto plain = parse(with(R"("upload":"u1","results":["out","a/b.txt"],"cwd":"sub")"));
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->spec.execution.upload, "u1");
  EXPECT_EQ(plain->spec.execution.results, (std::vector<std::string>{"out", "a/b.txt"}));
  EXPECT_EQ(plain->spec.scheduling.sandbox, SandboxLevel::Process);
  const auto script =
      parse(R"({"script":{"language":"js","code":"1"},"upload":"u1","sandbox":"process"})");
  ASSERT_TRUE(script) << script.error().message;
  EXPECT_EQ(script->spec.execution.upload, "u1");
  const auto image = parse(with(R"("upload":"u1","image":"debian")"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->spec.scheduling.sandbox, SandboxLevel::Image);
  const auto open = parse(with(R"("results":["out"])"));
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_EQ(open->spec.scheduling.sandbox, SandboxLevel::None);
}

TEST(JobRequestTest, RefusesCommandsThatCannotRun) {
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

TEST(JobRequestTest, RefusesQuantitiesOutOfRange) {
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

TEST(JobRequestTest, RefusesTextsThatAreWrongOrTooLong) {
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

TEST(JobRequestTest, RefusesMapsThatAreWrongOrTooLarge) {
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

TEST(JobRequestTest, RefusesBadRetriesDependenciesAndArrays) {
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

TEST(JobRequestTest, NamesUnknownAndDuplicateFields) {
  expect_refused({
      {with(R"("comand":["x"])"), "comand", "unknown_field"},
      {with(R"("ref":"a")"), "ref", "unknown_field"},
      {with(R"("Name":"x")"), "Name", "unknown_field"},
      {with(R"("name":"x","name":"y")"), "name"},
      {with(R"("env":{"A":"1","A":"2"})"), "env.A"},
  });
}

TEST(JobRequestTest, RefusesWhatIsNoJsonObject) {
  for (const std::string& body :
       {std::string(), std::string("[]"), std::string("null"), std::string("\"x\""),
        std::string("{"), with("\"name\":\"\xff\xfe\""), with(R"("requiredCpu":NaN)"),
        with(R"("requiredCpu":Infinity)"), repeated('[', 100'000), with("\"name\":\"x\"") + "}"}) {
    const auto request = parse(body);
    ASSERT_FALSE(request) << body.substr(0, 100);
    EXPECT_EQ(request.error().kind, "invalid_json") << body.substr(0, 100);
  }
}

TEST(JobRequestTest, LimitsCarryTheirNameAndValue) {
  const auto request =
      parse(with(R"("stdin":")" + repeated('x', limits::kStdinBytesMax + 1) + R"(")"));
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().limit, "stdin_bytes_max");
  EXPECT_EQ(request.error().limit_value, limits::kStdinBytesMax);
}

std::string resources_with(std::int64_t count) {
  std::string members;
  for (std::int64_t i = 0; i < count; ++i) {
    members += (i == 0 ? "\"r" : ",\"r") + std::to_string(i) + "\":1";
  }
  return "\"resources\":{" + members + "}";
}

// Each is taken up to its bound and refused one beyond it.
TEST(JobRequestTest, BoundsAreMetExactly) {
  struct Bound {
    std::string field;
    std::int64_t max;
    std::function<std::string(std::int64_t)> member;
    std::string limit = {};  // named by the refusal, where it is a size
  };
  const auto number = [](const std::string& field) {
    return [field](std::int64_t value) { return "\"" + field + "\":" + std::to_string(value); };
  };
  const auto text = [](const std::string& field) {
    return [field](std::int64_t bytes) {
      return "\"" + field + "\":\"" + repeated('x', bytes) + "\"";
    };
  };
  const std::vector<Bound> bounds = {
      {"gpus", limits::kGpusMax, number("gpus")},
      {"requiredRamMb", limits::kMemoryBytesMax / limits::kMiB, number("requiredRamMb")},
      {"requiredCpu", limits::kCpuMilliMax / 1'000, number("requiredCpu")},
      {"timeoutMs", limits::kTimeoutMax.count(), number("timeoutMs")},
      {"graceMs", limits::kGraceMax.count(), number("graceMs")},
      {"maxRetries", limits::kRetriesMax, number("maxRetries")},
      {"maxLost", limits::kRetriesMax, number("maxLost")},
      {"maxQueueMs", limits::kQueueTimeMax.count(), number("maxQueueMs")},
      {"resources.a", limits::kNamedAmountMax,
       [](std::int64_t amount) { return "\"resources\":{\"a\":" + std::to_string(amount) + "}"; }},
      {"resources", limits::kNamedResourcesMax, resources_with, "named_resources_max"},
      {"array.to", limits::kArrayIndexMax,
       [](std::int64_t to) {
         return R"("array":{"from":999999999,"to":)" + std::to_string(to) + "}";
       }},
      {"array", limits::kArraySizeMax,
       [](std::int64_t size) { return R"("array":{"from":1,"to":)" + std::to_string(size) + "}"; },
       "array_size_max"},
      {"name", limits::kNameBytesMax, text("name"), "name_bytes_max"},
      {"image", limits::kImageNameBytesMax, text("image"), "image_name_bytes_max"},
      {"idempotencyKey", limits::kIdempotencyKeyBytesMax, text("idempotencyKey"),
       "idempotency_key_bytes_max"},
      {"cwd", limits::kCwdBytesMax,
       [](std::int64_t bytes) { return "\"cwd\":\"" + repeated('/', bytes) + "\""; },
       "cwd_bytes_max"},
  };
  for (const Bound& bound : bounds) {
    const auto taken = parse(with(bound.member(bound.max)));
    EXPECT_TRUE(taken) << bound.field << ": " << (taken ? "" : taken.error().message);
    const auto refused = parse(with(bound.member(bound.max + 1)));
    ASSERT_FALSE(refused) << bound.field;
    EXPECT_EQ(refused.error().field, bound.field);
    EXPECT_EQ(refused.error().limit, bound.limit) << bound.field;
    if (!bound.limit.empty()) {
      EXPECT_EQ(refused.error().limit_value, bound.max) << bound.field;
    }
  }
}

// A small fuzzer that always runs: damaged bodies are refused or understood, never worse, and what
// is understood can be shown again.
TEST(JobRequestTest, SurvivesDamage) {
  const std::string good =
      with(R"("name":"n","labels":{"a":"\u00e9"},"requiredCpu":0.5,"after":["0000000000001"],)"
           R"("backoff":{"factor":1.5},"retryOn":{"exitCodes":[1]},"array":{"from":1,"to":2})");
  std::uint64_t random = 42;
  const auto next = [&random](std::size_t below) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(random >> 33U) % below;
  };
  int understood = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = good;
    for (std::size_t changes = next(3) + 1; changes > 0; --changes) {
      const std::size_t at = next(body.size());
      switch (next(4)) {
        case 0:
          body[at] = static_cast<char>(next(256));
          break;
        case 1:
          body.erase(at, next(5));
          break;
        case 2:
          body.insert(at, body.substr(next(body.size()), next(20)));
          break;
        default:
          body[at] = "{}[]\",:0-e.\\"[next(13)];
      }
    }
    const auto request = parse(body);
    if (!request) {
      ASSERT_FALSE(request.error().kind.empty()) << body;
      continue;
    }
    ++understood;
    const std::string shown = job_json({.record = {}, .spec = request->spec, .attempts = {}});
    ASSERT_TRUE(net::parse_json(shown)) << shown;
  }
  EXPECT_GT(understood, 100);
}

TEST(ExpandArrayTest, MakesOneSpecPerIndexWithKeysOfTheirOwn) {
  auto request = parse(with(R"("array":{"from":3,"to":5},"idempotencyKey":"k","name":"n")"));
  ASSERT_TRUE(request);
  const auto specs = expand_array(std::move(*request));
  ASSERT_EQ(specs.size(), 3U);
  EXPECT_EQ(specs[0].array_index, 3);
  EXPECT_EQ(specs[2].array_index, 5);
  EXPECT_EQ(specs[2].idempotency_key, "k:5");
  EXPECT_EQ(specs[1].name, "n");
  const auto single = expand_array(*parse(with(R"("idempotencyKey":"k")")));
  ASSERT_EQ(single.size(), 1U);
  EXPECT_FALSE(single[0].array_index);
  EXPECT_EQ(single[0].idempotency_key, "k");
}

}  // namespace
}  // namespace hearth::rest
