// The limits of a job's body: each is met exactly and named.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/limits.h"
#include "base/task_limits.h"
#include "front/rest/job_request.h"
#include "front/rest/testing/job_bodies.h"

namespace hearth::rest {
namespace {

using testing::parse;
using testing::repeated;
using testing::with;

TEST(JobRequestBoundsTest, CodeIsBoundedAndCounts) {
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

TEST(JobRequestBoundsTest, LimitsCarryTheirNameAndValue) {
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
TEST(JobRequestBoundsTest, BoundsAreMetExactly) {
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

}  // namespace
}  // namespace hearth::rest
