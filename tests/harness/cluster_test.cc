// What every test of daemons counts on: their ports and their logs.
#include "tests/harness/cluster.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/harness/processes.h"

namespace hearth::harness {
namespace {

class HarnessClusterTest : public ClusterTest {
 protected:
  // Of the file whose name begins so.
  std::string log(const std::string& beginning) const {
    for (const auto& entry : std::filesystem::directory_iterator(scratch())) {
      if (entry.path().filename().string().starts_with(beginning)) {
        return contents(entry.path());
      }
    }
    ADD_FAILURE() << "no log " << beginning;
    return "";
  }
};

TEST_F(HarnessClusterTest, AControllerComesBackOnItsPorts) {
  start_controller();
  start_agent("a");
  const std::string http_before = http();
  const std::string grpc_before = grpc();
  stop_controller();
  EXPECT_EQ(get("/v1/agents").status, 0) << "nobody else has its port";
  restart_controller();
  EXPECT_EQ(http(), http_before);
  EXPECT_EQ(grpc(), grpc_before);
  wait_agents([](const json::array& agents) { return agents.size() == 1; });
}

TEST_F(HarnessClusterTest, PortZeroIsLearnedFromTheReadyLine) {
  listen_on("127.0.0.2");
  start_controller();
  EXPECT_TRUE(http().starts_with("127.0.0.2:")) << http();
  EXPECT_FALSE(http().ends_with(":0")) << http();
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(HarnessClusterTest, TheLogsOfDaemonsAreInTheScratchDirectoryByName) {
  start_controller();
  start_agent("a");
  start_agent("b");
  EXPECT_NE(log("out-hearth-controller-").find("hearth ready "), std::string::npos);
  for (const std::string id : {"a", "b"}) {
    EXPECT_NE(log("out-hearth-agent-" + id + "-").find("hearth agent ready "), std::string::npos);
    EXPECT_NE(log("err-hearth-agent-" + id + "-"), "");
  }
}

}  // namespace
}  // namespace hearth::harness
