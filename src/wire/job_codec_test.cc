#include "wire/job_codec.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>

#include "hearth/job.pb.h"
#include "wire/testing/random_model.h"

namespace hearth::wire {
namespace {

constexpr std::uint64_t kSeeds = 500;

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

void expect_same(const Attempt& left, const Attempt& right) {
  EXPECT_EQ(left.number, right.number);
  EXPECT_EQ(left.agent, right.agent);
  EXPECT_EQ(left.epoch, right.epoch);
  EXPECT_EQ(left.state, right.state);
  EXPECT_EQ(left.assigned_at, right.assigned_at);
  EXPECT_EQ(left.started_at, right.started_at);
  EXPECT_EQ(left.ended_at, right.ended_at);
  EXPECT_EQ(left.result, right.result);
}

void expect_same(const AgentRecord& left, const AgentRecord& right) {
  EXPECT_EQ(left.info, right.info);
  EXPECT_EQ(left.status, right.status);
  EXPECT_EQ(left.draining, right.draining);
  EXPECT_EQ(left.first_seen_at, right.first_seen_at);
  EXPECT_EQ(left.last_heartbeat_at, right.last_heartbeat_at);
  EXPECT_EQ(left.done, right.done);
  EXPECT_EQ(left.failed, right.failed);
  EXPECT_EQ(left.busy_ms, right.busy_ms);
}

TEST(JobCodecTest, RoundTripsAnyValue) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::RandomModel random(seed);
    const JobSpec spec = random.job_spec();
    EXPECT_EQ(decode_job_spec(encode_job_spec(spec)).value(), spec);
    const auto secrets = random.env();
    EXPECT_EQ(decode_secrets(encode_secrets(secrets)).value(), secrets);
    const JobRecord record = random.job_record();
    EXPECT_EQ(decode_job_record(encode_job_record(record)).value(), record);
    const AttemptResult result = random.attempt_result();
    EXPECT_EQ(decode_attempt_result(encode_attempt_result(result)).value(), result);
    const Attempt attempt = random.attempt();
    expect_same(decode_attempt(encode_attempt(attempt)).value(), attempt);
    const AgentRecord agent = random.agent_record();
    expect_same(decode_agent_record(encode_agent_record(agent)).value(), agent);
  }
}

TEST(JobCodecTest, EqualValuesGiveEqualBytes) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    testing::RandomModel random(seed);
    const JobSpec spec = random.job_spec();
    const JobSpec copy = decode_job_spec(encode_job_spec(spec)).value();
    EXPECT_EQ(encode_job_spec(copy), encode_job_spec(spec)) << "seed " << seed;
    const AgentRecord agent = random.agent_record();
    const AgentRecord agent_copy = decode_agent_record(encode_agent_record(agent)).value();
    EXPECT_EQ(encode_agent_record(agent_copy), encode_agent_record(agent)) << "seed " << seed;
  }
}

TEST(JobCodecTest, SpecLeavesSecretsOut) {
  JobSpec spec;
  spec.execution.command = {"true"};
  spec.execution.secret_env = {{"TOKEN", "hunter2"}};
  const std::string bytes = encode_job_spec(spec);
  EXPECT_EQ(bytes.find("hunter2"), std::string::npos);
  EXPECT_EQ(bytes.find("TOKEN"), std::string::npos);
  EXPECT_TRUE(decode_job_spec(bytes).value().execution.secret_env.empty());
  EXPECT_TRUE(decode_job_spec(bytes).value().execution.has_secrets);
  EXPECT_EQ(encode_secrets({}), "");
}

TEST(JobCodecTest, NeverAbortsOnJunkOrDamage) {
  const google::protobuf::LogSilencer silence;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    testing::RandomModel random(seed);
    std::mt19937_64 engine(seed);
    std::string bytes = encode_job_spec(random.job_spec());
    char& damaged = bytes[engine() % bytes.size()];
    damaged = static_cast<char>(static_cast<unsigned char>(damaged) ^ (1U << (engine() % 8)));
    bytes.resize(engine() % (bytes.size() + 1));
    for (const std::string& input : {bytes, random.bytes(200)}) {
      const auto expect_data_loss = [&](const auto& result) {
        if (!result) {
          EXPECT_EQ(result.error().code, ErrorCode::DataLoss);
          EXPECT_FALSE(result.error().message.empty());
        }
      };
      expect_data_loss(decode_job_spec(input));
      expect_data_loss(decode_job_record(input));
      expect_data_loss(decode_secrets(input));
      expect_data_loss(decode_attempt(input));
      expect_data_loss(decode_attempt_result(input));
      expect_data_loss(decode_agent_record(input));
    }
  }
}

TEST(JobCodecTest, RefusesNothingAndTruncation) {
  EXPECT_EQ(decode_job_spec("").error().code, ErrorCode::DataLoss);
  EXPECT_EQ(decode_job_record("").error().code, ErrorCode::DataLoss);
  EXPECT_EQ(decode_attempt("").error().code, ErrorCode::DataLoss);
  EXPECT_EQ(decode_attempt_result("").error().code, ErrorCode::DataLoss);
  EXPECT_EQ(decode_agent_record("").error().code, ErrorCode::DataLoss);
  JobRecord record;
  record.id = JobId(7);
  record.progress_text = "half way";
  std::string bytes = encode_job_record(record);
  bytes.pop_back();
  EXPECT_EQ(decode_job_record(bytes).error().code, ErrorCode::DataLoss);
}

TEST(JobCodecTest, RefusesEnumeratorsItDoesNotKnowAndNamesTheField) {
  v1::JobRecordProto record;
  record.set_id(1);
  record.set_state(kJobStateCount);
  const auto state = decode_job_record(record.SerializeAsString());
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::DataLoss);
  EXPECT_NE(state.error().message.find("state holds 8"), std::string::npos);

  record.set_state(0);
  record.set_reason(kReasonCount);
  EXPECT_FALSE(decode_job_record(record.SerializeAsString()));
  record.set_reason(0);
  EXPECT_TRUE(decode_job_record(record.SerializeAsString()));
  record.set_progress_percent(101);
  EXPECT_FALSE(decode_job_record(record.SerializeAsString()));

  v1::AttemptResultProto running;
  running.set_state(static_cast<std::uint32_t>(JobState::Running));
  EXPECT_FALSE(decode_attempt_result(running.SerializeAsString()));

  v1::JobSpecProto spec;
  spec.set_queue("default");
  spec.set_sandbox(3);
  EXPECT_FALSE(decode_job_spec(spec.SerializeAsString()));
  spec.set_sandbox(0);
  EXPECT_TRUE(decode_job_spec(spec.SerializeAsString()));
  spec.mutable_request()->set_cpu_milli(-1);
  EXPECT_FALSE(decode_job_spec(spec.SerializeAsString()));
  spec.mutable_request()->set_cpu_milli(1);
  (*spec.mutable_request()->mutable_named())["slots"] = 0;
  EXPECT_FALSE(decode_job_spec(spec.SerializeAsString()));

  v1::SecretsProto secrets;
  secrets.add_env()->set_name("A");
  secrets.add_env()->set_name("A");
  EXPECT_FALSE(decode_secrets(secrets.SerializeAsString()));
}

// What an older controller finds after a downgrade by one minor version: fields it does not know.
TEST(JobCodecTest, SkipsFieldsAddedByALaterVersion) {
  JobRecord record;
  record.id = JobId(42);
  record.state = JobState::Queued;
  const std::string later = encode_job_record(record) + "\xfa\x3f\x03new";  // field 1023, 3 bytes
  EXPECT_EQ(decode_job_record(later).value(), record);
}

JobSpec golden_spec() {
  JobSpec spec;
  spec.name = "build";
  spec.labels = {{"team", "core"}};
  spec.scheduling.request.named = {{"slots", 2}};
  spec.scheduling.requires_labels = {{"arch", "arm"}};
  spec.scheduling.priority = -5;
  spec.scheduling.group = "g";
  spec.scheduling.group_limit = 3;
  spec.scheduling.retry_on = {.exit_codes = {-1, 75}, .reasons = {Reason::Oom}};
  spec.scheduling.after = {{.job = JobId(9), .condition = DependencyCondition::Any}};
  spec.scheduling.not_before = time_from_ms(1'700'000'000'000);
  spec.execution.command = {"sh", "-c", "exit 3"};
  spec.execution.env = {{"K", "\xff"}};
  spec.execution.cwd = "/w";
  spec.execution.stdin_bytes = std::string("\0i", 2);
  spec.idempotency_key = "once";
  spec.array_index = 4;
  spec.retry_of = JobId(8);
  return spec;
}

JobRecord golden_record() {
  JobRecord record;
  record.id = JobId(0x0123456789abcdef);
  record.state = JobState::Failed;
  record.reason = Reason::ExitNonzero;
  record.message = "exited with 3";
  record.exit_code = 3;
  record.attempt = 2;
  record.failures = 1;
  record.losses = 1;
  record.epoch = 4;
  record.agent = AgentId("a1");
  record.created_at = time_from_ms(1'700'000'000'000);
  record.completed_at = time_from_ms(1'700'000'000'500);
  return record;
}

// Bytes as the first version wrote them. They are on disks and in the queues of agents: if this
// fails, a field changed its number or type, and the change has to be made by a new field instead.
TEST(JobCodecTest, WritesTheBytesOfTheFirstVersion) {
  EXPECT_EQ(hex(encode_job_spec(golden_spec())),
            "0a056275696c64120c0a047465616d1204636f72651a0764656661756c74221408e8071080808080"
            "0222090a05736c6f747310022a0b0a0461726368120361726d38094201674803580560e807690000"
            "00000000004070e0d4037a03019601820101038a010b0909000000000000001001900180d095ffbc"
            "31aa01027368aa01022d63aa0106657869742033b201060a014b1201ffba01022f77c201020069c8"
            "01d00fd001e0a712d8018827e80104f1010800000000000000fa01046f6e6365");
  EXPECT_EQ(hex(encode_job_record(golden_record())),
            "09efcdab896745230110051801220d65786974656420776974682033280338024001480150045a02"
            "61316080d095ffbc318001f4d395ffbc31980101");
  EXPECT_EQ(hex(encode_secrets({{"T", "s"}})), "0a060a0154120173");
}

}  // namespace
}  // namespace hearth::wire
