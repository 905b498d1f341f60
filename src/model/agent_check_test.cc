#include "model/agent_check.h"

#include <gtest/gtest.h>

#include <functional>

namespace hearth {
namespace {

AgentInfo good_agent() {
  AgentInfo info;
  info.id = AgentId("a1");
  info.instance = "i";
  info.incarnation = "n";
  info.type = "t";
  info.hostname = "host";
  info.version = "0.1.0";
  info.labels = {{"disk", "ssd"}};
  info.capacity = {.cpu_milli = 1, .memory_bytes = 1, .gpus = 0, .named = {{"licence", 1}}};
  info.max_parallel_jobs = 1;
  return info;
}

// The field that is refused after `change`; empty when the agent is taken.
std::string refused_field(const std::function<void(AgentInfo&)>& change) {
  AgentInfo info = good_agent();
  change(info);
  const Result<> checked = check_agent_info(info);
  if (checked) {
    return "";
  }
  EXPECT_EQ(checked.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(checked.error().message.find("agent"), std::string::npos) << checked.error().message;
  return checked.error().field;
}

TEST(AgentCheckTest, TakesAnAgentAtEitherEndOfTheBounds) {
  EXPECT_EQ(refused_field([](AgentInfo&) {}), "");
  EXPECT_EQ(refused_field([](AgentInfo& info) {
              info.id = AgentId(std::string(64, 'a'));
              info.hostname = std::string(limits::kLabelBytesMax, 'h');
              info.capacity.cpu_milli = limits::kCpuMilliMax;
              info.capacity.memory_bytes = limits::kMemoryBytesMax;
              info.capacity.gpus = limits::kGpusMax;
              info.max_parallel_jobs = 65'536;
            }),
            "");
}

TEST(AgentCheckTest, NamesTheIdThatIsNone) {
  for (const char* bad : {"", "a b", "ä", "a/b"}) {
    EXPECT_EQ(refused_field([bad](AgentInfo& info) { info.id = AgentId(bad); }), "id") << bad;
    EXPECT_EQ(refused_field([bad](AgentInfo& info) { info.instance = bad; }), "instance") << bad;
    EXPECT_EQ(refused_field([bad](AgentInfo& info) { info.incarnation = bad; }), "incarnation");
  }
}

TEST(AgentCheckTest, NamesTheTextThatIsTooLongOrHoldsNul) {
  for (const std::string& bad :
       {std::string(limits::kLabelBytesMax + 1, 'x'), std::string(1, '\0')}) {
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) { info.type = bad; }), "type");
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) { info.hostname = bad; }), "hostname");
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) { info.version = bad; }), "version");
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) { info.labels[bad] = "x"; }), "labels");
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) { info.labels["x"] = bad; }), "labels");
    EXPECT_EQ(refused_field([&bad](AgentInfo& info) {
                info.capacity.named = {{bad, 1}};
              }),
              "capacity.named");
  }
}

TEST(AgentCheckTest, BoundsLabelsAndNamedResources) {
  EXPECT_EQ(refused_field([](AgentInfo& info) { info.labels[""] = "x"; }), "labels");
  EXPECT_EQ(refused_field([](AgentInfo& info) {
              for (int i = 0; i <= limits::kLabelsMax; ++i) {
                info.labels[std::to_string(i)] = "x";
              }
            }),
            "labels");
  EXPECT_EQ(refused_field([](AgentInfo& info) {
              for (int i = 0; i <= limits::kNamedResourcesMax; ++i) {
                info.capacity.named.emplace_back(std::to_string(i), 1);
              }
            }),
            "capacity.named");
  EXPECT_EQ(refused_field([](AgentInfo& info) {
              info.capacity.named = {{"x", 0}};
            }),
            "capacity.named");
}

TEST(AgentCheckTest, BoundsEachAmount) {
  const auto cpu = [](std::int64_t value) {
    return refused_field([value](AgentInfo& info) { info.capacity.cpu_milli = value; });
  };
  const auto memory = [](std::int64_t value) {
    return refused_field([value](AgentInfo& info) { info.capacity.memory_bytes = value; });
  };
  const auto gpus = [](std::int64_t value) {
    return refused_field([value](AgentInfo& info) { info.capacity.gpus = value; });
  };
  const auto jobs = [](std::int64_t value) {
    return refused_field([value](AgentInfo& info) { info.max_parallel_jobs = value; });
  };
  for (const std::int64_t value : {std::int64_t{0}, limits::kCpuMilliMax + 1}) {
    EXPECT_EQ(cpu(value), "capacity.cpu_milli");
  }
  for (const std::int64_t value : {std::int64_t{0}, limits::kMemoryBytesMax + 1}) {
    EXPECT_EQ(memory(value), "capacity.memory_bytes");
  }
  for (const std::int64_t value : {std::int64_t{-1}, limits::kGpusMax + 1}) {
    EXPECT_EQ(gpus(value), "capacity.gpus");
  }
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{65'537}}) {
    EXPECT_EQ(jobs(value), "max_parallel_jobs");
  }
}

}  // namespace
}  // namespace hearth
