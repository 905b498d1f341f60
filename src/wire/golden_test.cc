// What an earlier version stored or sends is read by today's code as it was meant.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "hearth/agent_link.pb.h"
#include "hearth/job.pb.h"
#include "wire/job_codec.h"
#include "wire/link_codec.h"
#include "wire/testing/golden_fields.h"
#include "wire/testing/golden_messages.h"

namespace hearth::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::GoldenField;
using testing::GoldenMessage;

// An unknown varint and an unknown message, as a later minor version would add them.
constexpr std::string_view kFromTheFuture("\xc0\x3e\x07\xca\x3e\x03new", 9);

const Descriptor* descriptor_of(std::string_view name) {
  // Both files must be linked in before the pool is asked.
  EXPECT_NE(v1::Hello::descriptor(), nullptr);
  return google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      "hearth.v1." + std::string(name));
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string golden(std::string_view name) {
  for (const GoldenMessage& message : testing::kGoldenMessages) {
    if (message.name == name) {
      return from_hex(message.hex);
    }
  }
  ADD_FAILURE() << "no golden bytes of " << name;
  return "";
}

std::unique_ptr<Message> parse(std::string_view name, const std::string& bytes) {
  std::unique_ptr<Message> message(google::protobuf::MessageFactory::generated_factory()
                                       ->GetPrototype(descriptor_of(name))
                                       ->New());
  EXPECT_TRUE(message->ParseFromString(bytes)) << name;
  return message;
}

std::string text_of(const Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

TEST(GoldenTest, NoFieldWasRemovedRenumberedOrRetyped) {
  for (const GoldenField& field : testing::kGoldenFields) {
    SCOPED_TRACE(std::string(field.message) + "." + std::string(field.name));
    const Descriptor* message = descriptor_of(field.message);
    ASSERT_NE(message, nullptr);
    const FieldDescriptor* today = message->FindFieldByNumber(field.number);
    ASSERT_NE(today, nullptr) << "number " << field.number << " is gone";
    EXPECT_EQ(today->name(), field.name) << "its number was given to another field";
    EXPECT_EQ(today->is_map() ? "map" : today->type_name(), field.type);
    EXPECT_EQ(today->is_repeated(), field.is_repeated);
  }
}

TEST(GoldenTest, EachOldMessageSaysWhatItSaid) {
  for (const GoldenMessage& old : testing::kGoldenMessages) {
    SCOPED_TRACE(old.name);
    const std::unique_ptr<Message> message = parse(old.name, from_hex(old.hex));
    EXPECT_EQ(text_of(*message), old.text);
  }
}

TEST(GoldenTest, StoredFormsLoseNothingOnTheirWayThroughTheModel) {
  const auto expect_kept = [](std::string_view name, const auto& decoded, auto encode) {
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().message;
    EXPECT_EQ(text_of(*parse(name, encode(*decoded))), text_of(*parse(name, golden(name))));
  };
  expect_kept("JobSpecProto", decode_job_spec(golden("JobSpecProto")), encode_job_spec);
  expect_kept("JobRecordProto", decode_job_record(golden("JobRecordProto")), encode_job_record);
  expect_kept("AttemptProto", decode_attempt(golden("AttemptProto")), encode_attempt);
  expect_kept("AttemptResultProto", decode_attempt_result(golden("AttemptResultProto")),
              encode_attempt_result);
  expect_kept("AgentRecordProto", decode_agent_record(golden("AgentRecordProto")),
              encode_agent_record);
  expect_kept("SecretsProto", decode_secrets(golden("SecretsProto")), encode_secrets);
}

TEST(GoldenTest, AnOldRecordMeansWhatItMeant) {
  const JobRecord record = decode_job_record(golden("JobRecordProto")).value();
  EXPECT_EQ(record.id, JobId(1'001));
  EXPECT_EQ(record.state, JobState::Queued);
  EXPECT_EQ(record.exit_code, -5);
  EXPECT_EQ(record.epoch, 1'010U);
  EXPECT_EQ(record.agent, AgentId("s11"));
  EXPECT_EQ(record.completed_at, time_from_ms(116));
  EXPECT_EQ(record.cancel_requested_at, time_from_ms(117));
  EXPECT_EQ(record.progress_percent, 50);
  EXPECT_EQ(record.progress_text, "b20");
  const JobSpec spec = decode_job_spec(golden("JobSpecProto")).value();
  EXPECT_EQ(spec.execution.command, std::vector<std::string>{"b21"});
  EXPECT_EQ(spec.scheduling.request.cpu_milli, 101);
  EXPECT_EQ(spec.idempotency_key, "b31");
}

TEST(GoldenTest, AnOldHelloMeansWhatItMeant) {
  v1::AgentMessage message;
  ASSERT_TRUE(message.ParseFromString(golden("AgentMessage")));
  const AgentInfo info = to_model(message.hello()).value();
  EXPECT_EQ(info.id, AgentId("s2"));
  EXPECT_EQ(info.incarnation, "s5");
  EXPECT_EQ(info.version, "s7");
  EXPECT_EQ(info.capacity.memory_bytes, 102);
  EXPECT_EQ(message.hello().held(0).key().epoch(), 1'003U);
}

TEST(GoldenTest, FieldsOfALaterVersionAreIgnored) {
  for (const GoldenMessage& old : testing::kGoldenMessages) {
    SCOPED_TRACE(old.name);
    std::string bytes = from_hex(old.hex);
    bytes += kFromTheFuture;
    const std::unique_ptr<Message> message = parse(old.name, bytes);
    message->DiscardUnknownFields();
    EXPECT_EQ(text_of(*message), old.text);
  }
  const std::string record = golden("JobRecordProto") + std::string(kFromTheFuture);
  EXPECT_EQ(decode_job_record(record).value(), decode_job_record(golden("JobRecordProto")).value());
}

TEST(GoldenTest, AMessageOfALaterKindIsOfNoKnownKind) {
  v1::AgentMessage up;
  ASSERT_TRUE(up.ParseFromString(std::string(kFromTheFuture)));
  EXPECT_EQ(up.kind_case(), v1::AgentMessage::KIND_NOT_SET);
  v1::ControllerMessage down;
  ASSERT_TRUE(down.ParseFromString(std::string(kFromTheFuture)));
  EXPECT_EQ(down.kind_case(), v1::ControllerMessage::KIND_NOT_SET);
}

}  // namespace
}  // namespace hearth::wire
