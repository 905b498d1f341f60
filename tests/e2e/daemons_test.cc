// How the programs start, refuse to start, and stop.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::ClusterTest;
using harness::Exit;
using harness::Program;
using harness::text;

namespace {

class DaemonsTest : public ClusterTest {};

TEST_F(DaemonsTest, ATakenPortEndsTheStartWithTheHolderAndTheWayOut) {
  start_controller();
  const Exit exit =
      hearth({"controller", "--data", scratch("other"), "--http", http(), "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(exit.code, 1);
  const std::string port = http().substr(http().rfind(':') + 1);
  EXPECT_NE(exit.err.find(port), std::string::npos) << exit.err;
  EXPECT_NE(exit.err.find("hearth"), std::string::npos) << exit.err;
  EXPECT_NE(exit.err.find("--http"), std::string::npos) << exit.err;
  const Exit grpc_taken =
      hearth({"controller", "--data", scratch("other"), "--http", "127.0.0.1:0", "--grpc", grpc()});
  EXPECT_EQ(grpc_taken.code, 1);
  EXPECT_NE(grpc_taken.err.find("--grpc"), std::string::npos) << grpc_taken.err;
}

TEST_F(DaemonsTest, ADataDirectoryInUseOrNotUsableIsRefused) {
  Program& first = start_controller();
  const Exit in_use = hearth({"controller", "--data", scratch("controller"), "--http",
                              "127.0.0.1:0", "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(in_use.code, 1);
  EXPECT_NE(in_use.err.find(std::to_string(first.pid())), std::string::npos) << in_use.err;
  std::ofstream(scratch("a-file")) << "x";
  const Exit no_directory = hearth({"controller", "--data", scratch("a-file"), "--http",
                                    "127.0.0.1:0", "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(no_directory.code, 1);
  EXPECT_NE(no_directory.err.find("a-file"), std::string::npos) << no_directory.err;
}

TEST_F(DaemonsTest, ADatabaseOfANewerVersionIsRefusedAndLeftAsItWas) {
  Program& first = start_controller();
  first.signal(SIGTERM);
  ASSERT_EQ(first.wait().code, 0);
  const std::string path = scratch("controller") + "/hearth.db";
  constexpr std::streamoff kUserVersion = 60;  // in SQLite's header: four bytes, big end first
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kUserVersion);
    file.write("\0\0\0\x63", 4);
    ASSERT_TRUE(file.good());
  }
  const auto read = [&path] {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = read();
  const Exit exit = hearth({"controller", "--data", scratch("controller"), "--http", "127.0.0.1:0",
                            "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(exit.err.find("schema version 99"), std::string::npos) << exit.err;
  EXPECT_NE(exit.err.find("Start the newer hearth"), std::string::npos) << exit.err;
  EXPECT_EQ(read(), before);
}

TEST_F(DaemonsTest, AnAddressBeyondLoopbackIsRefused) {
  const Exit exit = hearth(
      {"controller", "--data", scratch("c"), "--http", "0.0.0.0:0", "--grpc", "127.0.0.1:0"});
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(exit.err.find("loopback"), std::string::npos) << exit.err;
  EXPECT_NE(exit.err.find("--insecure-listen-without-tls-and-tokens"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(scratch("c"))) << "refused before anything was made";
}

TEST_F(DaemonsTest, TwoAgentsWithTheSameIdTheSecondIsRefusedAndTheFirstGoesOn) {
  start_controller();
  start_agent("twin");
  auto second =
      start({"agent", "--controller", grpc(), "--id", "twin", "--data", scratch("second")});
  second->wait_for_text("twin");
  const Exit exit = second->wait();
  EXPECT_EQ(exit.code, 1);
  EXPECT_NE(exit.err.find("--id"), std::string::npos) << exit.err;
  EXPECT_EQ(hearth({"run", "--", "echo", "fine"}).out, "fine\n");
}

TEST_F(DaemonsTest, TermStopsEachProgramWithCodeZero) {
  Program& controller = start_controller();
  Program& agent = start_agent("a");
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait().code, 0);
  wait_agents([](const json::array& agents) {
    return agents.empty() || text(agents[0].as_object(), "status") != "IDLE";
  });
  controller.signal(SIGTERM);
  EXPECT_EQ(controller.wait().code, 0);
  Program& up = start_up();
  up.signal(SIGINT);
  EXPECT_EQ(up.wait().code, 0);
}

TEST_F(DaemonsTest, ADrainingAgentFinishesWhatItRunsAndTakesNothingNew) {
  start_controller();
  Program& agent = start_agent("a", {"--cpu", "4"});
  const std::string gate = scratch("gate");
  const std::string id = submit(
      {{"command", {"sh", "-c", "while [ ! -e " + gate + " ]; do sleep 0.05; done; echo done"}}});
  wait_state(id, "RUNNING");
  agent.signal(SIGTERM);
  wait_agents([](const json::array& agents) {
    return !agents.empty() && text(agents[0].as_object(), "status") == "DRAINING";
  });
  const std::string later = submit({{"command", {"true"}}});
  std::ofstream(gate) << "open";
  EXPECT_EQ(agent.wait().code, 0);
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
  EXPECT_EQ(output(id), "done\n");
  EXPECT_EQ(text(job(later), "state"), "QUEUED");
  start_agent("b");
  EXPECT_EQ(text(wait_ended(later), "state"), "COMPLETED");
}

TEST_F(DaemonsTest, ASecondTermEndsAnAgentAtOnceAndItsJobRunsElsewhere) {
  start_controller();
  Program& agent = start_agent("a");
  const std::string starts = scratch("starts");
  const std::string gate = scratch("gate");
  const std::string id = submit(
      {{"command",
        {"sh", "-c",
         "echo start >> " + starts + "; while [ ! -e " + gate + " ]; do sleep 0.05; done"}}});
  wait_lines(starts, 1);
  agent.signal(SIGTERM);
  wait_agents([](const json::array& agents) {
    return !agents.empty() && text(agents[0].as_object(), "status") == "DRAINING";
  });
  agent.signal(SIGTERM);
  agent.wait(std::chrono::seconds(10));
  start_agent("a");
  wait_lines(starts, 2);
  std::ofstream(gate) << "open";
  EXPECT_EQ(text(wait_ended(id), "state"), "COMPLETED");
}

}  // namespace
}  // namespace hearth::e2e
