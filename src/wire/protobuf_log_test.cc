#include "wire/protobuf_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hearth/agent_link.pb.h"

namespace hearth::wire {
namespace {

class KeepingLog final : public Log {
 public:
  KeepingLog() : Log(LogLevel::Debug) {}
  std::vector<std::pair<LogLevel, std::string>> lines;

 private:
  void write(LogLevel level, std::string_view message, LogFields /*fields*/) override {
    lines.emplace_back(level, message);
  }
};

// A hello whose id is no UTF-8, as a peer would send it.
std::string hostile_hello() {
  v1::Hello hello;
  hello.set_id("node-??");
  std::string bytes = hello.SerializeAsString();
  bytes.replace(bytes.find("??"), 2, "\xff\xfe");
  return bytes;
}

TEST(ProtobufLogTest, TextThatIsNoUtf8IsSaidAtDebugAndNotOnStderr) {
  KeepingLog log;
  ::testing::internal::CaptureStderr();
  {
    const ProtobufLog handler(log);
    v1::Hello hello;
    EXPECT_FALSE(hello.ParseFromString(hostile_hello()));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ASSERT_EQ(log.lines.size(), 1U);
  EXPECT_EQ(log.lines[0].first, LogLevel::Debug);
  EXPECT_NE(log.lines[0].second.find("invalid UTF-8"), std::string::npos) << log.lines[0].second;
}

TEST(ProtobufLogTest, ItsEndIsAlsoThatOfItsLog) {
  KeepingLog log;
  { const ProtobufLog handler(log); }
  ::testing::internal::CaptureStderr();
  v1::Hello hello;
  EXPECT_FALSE(hello.ParseFromString(hostile_hello()));
  (void)::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(log.lines.empty());
}

}  // namespace
}  // namespace hearth::wire
