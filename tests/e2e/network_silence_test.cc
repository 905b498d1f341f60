// Peers that are gone without a word, between real programs on hosts of their own: half-open
// connections, and machines that vanish and come back.
#include <gtest/gtest.h>

#include <map>

#include "tests/harness/network/network_fixture.h"

namespace hearth::e2e {

using harness::Exit;
using harness::Host;
using harness::kEventually;
using harness::NetworkTest;
using harness::Program;
using harness::text;

namespace {

// Silence tells nothing here.
const std::vector<std::string> kPatient = {"--heartbeat-interval", "500ms", "--heartbeat-timeout",
                                           "10m"};

class NetworkSilenceTest : public NetworkTest {};

// The peer is there no more, and nobody says so: only pings can tell. One after the other each
// would take as long as all together.
TEST_F(NetworkSilenceTest, HalfOpenConnectionsAreFoundByBothEnds) {
  start_controller_there(kPatient);
  struct Case {
    const char* id;
    int lost_from;
    int lost_to;
  };
  const std::vector<Case> cases = {{"silent", 100, 100}, {"deaf", 0, 100}, {"mute", 100, 0}};
  std::vector<Host*> hosts;
  std::vector<Program*> agents;
  std::map<std::string, std::string> jobs;
  for (const Case& each : cases) {
    hosts.push_back(&network().add_host());
    agents.push_back(&start_agent_at(*hosts.back(), each.id));
    for (const std::string name : {"ends-", "goes-"}) {
      jobs[name + each.id] = submit_gated(name + each.id, each.id);
    }
  }
  Host& far = network().add_host();
  for (const auto& [name, id] : jobs) {
    wait_lines(starts(name), 1);
    wait_state(id, "RUNNING");
  }
  auto follower = start_at(far, {"logs", "-f", jobs.at("goes-deaf")});
  EXPECT_EQ(follower->wait_for_line("1", kEventually), "1");

  network().lose_all(far);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    network().lose(*hosts[i], cases[i].lost_from, cases[i].lost_to);
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_TRUE(agents[i]->wait_for_text("no link to the controller")) << cases[i].id;
    wait_agent(cases[i].id, "DISCONNECTED");
    const std::string ends_name = std::string("ends-") + cases[i].id;
    go(ends_name);
    wait_lines(ends(ends_name), 1);
    EXPECT_EQ(text(job(jobs.at(ends_name)), "state"), "RUNNING");
  }
  for (Host* host : hosts) {
    network().lose_none(*host);
  }
  network().lose_none(far);
  for (const Case& each : cases) {
    wait_agent(each.id, "BUSY");
    expect_completed(jobs.at(std::string("ends-") + each.id));
    go(std::string("goes-") + each.id);
    expect_completed(jobs.at(std::string("goes-") + each.id));
  }
  EXPECT_EQ(follower->wait().out, gated_output());
}

// Also for those who only listen, and so would never be told by the new one.
TEST_F(NetworkSilenceTest, AControllerThatVanishesAndComesBackIsFoundAgain) {
  start_controller_there(kPatient);
  Host& host = network().add_host();
  start_agent_at(host, "a");
  auto run = start({"run", "--", "sh", "-c",
                    "echo first; while [ ! -e " + scratch("run.gate") +
                        " ]; do sleep 0.05; done; echo second; exit 7"});
  EXPECT_EQ(run->wait_for_line("first"), "first");
  auto submit = start({"submit", "--wait", "--", "sh", "-c",
                       "while [ ! -e " + scratch("run.gate") + " ]; do sleep 0.05; done"});
  EXPECT_TRUE(submit->wait_for_text("1 running"));
  const std::string id = submit_gated("job");
  wait_lines(starts("job"), 1);
  wait_state(id, "RUNNING");

  network().lose_all(controller_host());
  stop_controller();
  go("job");
  go("run");
  wait_lines(ends("job"), 1);
  network().replace(controller_host());
  restart_controller_there();
  network().lose_none(controller_host());
  expect_completed(id);
  const Exit exit = run->wait(kEventually);
  EXPECT_EQ(exit.code, 7) << exit.err;
  EXPECT_EQ(exit.out, "first\nsecond\n");
  const Exit waited = submit->wait(kEventually);
  EXPECT_EQ(waited.code, 0) << waited.err;
}

// The machine is gone, and another takes its place with the same disk: nobody closed anything.
TEST_F(NetworkSilenceTest, AnAgentThatVanishesAndStartsAgainHasItsJobsQueuedAtOnce) {
  start_controller_there(kPatient);
  Host& host = network().add_host();
  Program& agent = start_agent_at(host, "a");
  const std::string id = submit_gated("job");
  wait_lines(starts("job"), 1);
  wait_state(id, "RUNNING");
  network().lose_all(host);
  kill_now(agent);
  go("job");
  network().replace(host);
  network().lose_none(host);
  start_agent_at(host, "a");
  expect_completed(id, {"agent_restarted"});
}

}  // namespace
}  // namespace hearth::e2e
