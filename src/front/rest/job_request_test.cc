// The codec of a job's body: defaults and every field. What is refused:
// job_request_refusals_test.cc.
#include "front/rest/job_request.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "front/rest/job_json.h"
#include "front/rest/testing/job_bodies.h"
#include "net/json_reader.h"

namespace hearth::rest {
namespace {

using testing::parse;
using testing::script_with;
using testing::with;

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
