// One controller, several agents: spreading, losses, restarts.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

namespace json = boost::json;

using harness::Answer;
using harness::ClusterTest;
using harness::number;
using harness::Program;
using harness::text;

namespace {

// Short times, so that losses are seen within a test's patience.
const std::vector<std::string> kQuickLosses = {"--heartbeat-interval", "200ms",
                                               "--heartbeat-timeout", "1500ms"};

class FleetTest : public ClusterTest {
 protected:
  std::vector<std::string> submit_many(int count, const std::function<json::object(int)>& body) {
    json::array items;
    for (int i = 0; i < count; ++i) {
      items.push_back(body(i));
    }
    const Answer answer = post("/v1/jobs:batch", json::serialize(items));
    EXPECT_EQ(answer.status, 200) << answer.raw;
    std::vector<std::string> ids;
    for (const auto& result : answer.body.as_object().at("results").as_array()) {
      ids.push_back(text(result.as_object(), "id"));
      EXPECT_FALSE(ids.back().empty()) << json::serialize(result);
    }
    return ids;
  }
};

TEST_F(FleetTest, ThreeAgentsShareAHundredJobsEvenly) {
  start_controller();
  for (const char* id : {"a", "b", "c"}) {
    start_agent(id, {"--cpu", "4", "--memory", "1024"});
  }
  // Long enough that the agents' places count, not how fast a busy host runs each of them.
  const auto ids = submit_many(100, [](int) {
    return json::object{{"command", {"sleep", "0.3"}}, {"requiredCpu", 0.5}, {"requiredRamMb", 32}};
  });
  std::map<std::string, int> done;
  for (const std::string& id : ids) {
    const auto job = wait_ended(id);
    EXPECT_EQ(text(job, "state"), "COMPLETED") << json::serialize(job);
    ++done[text(job.at("attempts").as_array().back().as_object(), "agentId")];
  }
  EXPECT_EQ(done.size(), 3U);
  for (const auto& [agent, count] : done) {
    EXPECT_GE(count, 20) << agent;
  }
  const Answer agents = get("/v1/agents");
  for (const auto& agent : agents.body.as_object().at("agents").as_array()) {
    EXPECT_EQ(number(agent.as_object(), "done"), done[text(agent.as_object(), "id")]);
  }
}

TEST_F(FleetTest, AgentsThatAreToldToBeatSeldomAreNotLostForIt) {
  start_controller({"--heartbeat-interval", "200ms", "--heartbeat-timeout", "1s",
                    "--heartbeats-per-second-max", "1"});
  for (const char* id : {"a", "b", "c"}) {
    start_agent(id);
  }
  // One each second of three: with room to grow, and well beyond the timeout.
  const auto is_told = [](const json::value& agent) {
    return agent.as_object().at("heartbeatIntervalMs") == 3'750;
  };
  wait_until(
      [&] {
        const Answer answer = get("/v1/agents");
        const auto& agents = answer.body.as_object().at("agents").as_array();
        return agents.size() == 3 && std::all_of(agents.begin(), agents.end(), is_told);
      },
      "all agents beat each 3.75 s");
  const auto ids = submit_many(3, [](int) { return json::object{{"command", {"sleep", "4"}}}; });
  for (const std::string& id : ids) {
    const auto job = wait_ended(id);
    EXPECT_EQ(text(job, "state"), "COMPLETED") << json::serialize(job);
    EXPECT_EQ(job.at("attempts").as_array().size(), 1U) << json::serialize(job);
  }
}

TEST_F(FleetTest, AKilledAgentsJobsFinishElsewhere) {
  start_controller(kQuickLosses);
  Program& first = start_agent("a");
  const std::string starts = scratch("starts");
  const std::string gate = scratch("gate");
  const std::string id = submit(
      {{"command",
        {"sh", "-c",
         "echo start >> " + starts + "; while [ ! -e " + gate + " ]; do sleep 0.05; done"}}});
  wait_lines(starts, 1);
  start_agent("b");
  kill_now(first);
  wait_lines(starts, 2);
  std::ofstream(gate) << "open";
  const auto job = wait_ended(id);
  EXPECT_EQ(text(job, "state"), "COMPLETED");
  const auto& attempts = job.at("attempts").as_array();
  ASSERT_EQ(attempts.size(), 2U) << json::serialize(job);
  EXPECT_EQ(text(attempts[0].as_object(), "reason"), "agent_lost");
  EXPECT_EQ(text(attempts[1].as_object(), "agentId"), "b");
}

TEST_F(FleetTest, ARestartedAgentsJobsAreRequeuedAtOnce) {
  start_controller();  // the heartbeat timeout is 30 s: it is not what is waited for
  Program& first = start_agent("a");
  const std::string starts = scratch("starts");
  const std::string gate = scratch("gate");
  const std::string id = submit(
      {{"command",
        {"sh", "-c",
         "echo start >> " + starts + "; while [ ! -e " + gate + " ]; do sleep 0.05; done"}}});
  wait_lines(starts, 1);
  kill_now(first);
  start_agent("a");
  wait_lines(starts, 2, std::chrono::seconds(20));
  std::ofstream(gate) << "open";
  const auto job = wait_ended(id);
  EXPECT_EQ(text(job, "state"), "COMPLETED");
  EXPECT_EQ(text(job.at("attempts").as_array()[0].as_object(), "reason"), "agent_restarted");
}

TEST_F(FleetTest, ARunningJobGoesOnWhileTheControllerIsAway) {
  start_controller();
  start_agent("a");
  const std::string starts = scratch("starts");
  const std::string gate = scratch("gate");
  const std::string id =
      submit({{"command",
               {"sh", "-c",
                "echo start >> " + starts + "; while [ ! -e " + gate +
                    " ]; do sleep 0.05; done; seq 1 20000; echo over >> " + starts}}});
  wait_lines(starts, 1);
  stop_controller();
  std::ofstream(gate) << "open";
  wait_lines(starts, 2);  // it ended with nobody to tell
  restart_controller();
  const auto job = wait_ended(id);
  EXPECT_EQ(text(job, "state"), "COMPLETED");
  EXPECT_EQ(number(job, "attempt"), 1);
  std::string expected;
  for (int i = 1; i <= 20000; ++i) {
    expected += std::to_string(i) + "\n";
  }
  EXPECT_TRUE(output(id) == expected);
}

TEST_F(FleetTest, ACancelWhileTheAgentIsAwayHoldsWhenItReturns) {
  start_controller();
  Program& agent = start_agent("a");
  const std::string id = submit({{"command", {"sleep", "600"}}});
  wait_state(id, "RUNNING");
  agent.signal(SIGSTOP);
  EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status, 202);
  restart_controller();
  agent.signal(SIGCONT);
  EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
}

TEST_F(FleetTest, AnAgentStoppedPastItsTimeoutIsLostAndItsLateResultRefused) {
  start_controller(kQuickLosses);
  Program& first = start_agent("a");
  const std::string starts = scratch("starts");
  const std::string gate = scratch("gate");
  const std::string id = submit({{"command",
                                  {"sh", "-c",
                                   "echo start >> " + starts + "; while [ ! -e " + gate +
                                       " ]; do sleep 0.05; done; echo x"}}});
  wait_lines(starts, 1);
  start_agent("b");
  first.signal(SIGSTOP);
  wait_lines(starts, 2);
  first.signal(SIGCONT);  // its attempt is told to stop
  wait_agents([](const json::array& agents) {
    return agents.size() == 2 && std::all_of(agents.begin(), agents.end(), [](const auto& agent) {
             return text(agent.as_object(), "status") != "DISCONNECTED";
           });
  });
  std::ofstream(gate) << "open";
  const auto job = wait_ended(id);
  EXPECT_EQ(text(job, "state"), "COMPLETED");
  EXPECT_EQ(number(job, "attempt"), 2);
  EXPECT_EQ(output(id), "x\n");
}

}  // namespace
}  // namespace hearth::e2e
