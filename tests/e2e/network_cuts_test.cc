// Cut lines between real programs on hosts of their own: what docs/architecture.md says under
// "Losses" about a connection, a machine and silence.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/network/network_fixture.h"

namespace hearth::e2e {
namespace {

using Flags = std::vector<std::string>;

// Nobody is lost by silence while a test runs, however busy the machine is.
const Flags kPatient = {"--heartbeat-interval", "500ms", "--heartbeat-timeout", "10m"};
// Silence soon tells.
const Flags kImpatient = {"--heartbeat-interval", "500ms", "--heartbeat-timeout", "5s"};

class NetworkCutsTest : public NetworkTest {};

TEST_F(NetworkCutsTest, ShorterThanTheTimeoutNobodyNotices) {
  start_controller_there(kPatient);
  Host& host = network().add_host();
  Program& agent = start_agent_at(host, "a");
  const std::string ends_meanwhile = submit_gated("meanwhile");
  const std::string goes_on = submit_gated("on");
  auto follower = start({"logs", "-f", goes_on});
  wait_lines(starts("meanwhile"), 1);
  wait_lines(starts("on"), 1);
  wait_state(goes_on, "RUNNING");

  network().cut(host);
  go("meanwhile");
  wait_lines(ends("meanwhile"), 1);
  EXPECT_EQ(text(job(ends_meanwhile), "state"), "RUNNING");
  network().mend(host);

  expect_completed(ends_meanwhile);
  go("on");
  expect_completed(goes_on);
  EXPECT_EQ(follower->wait().out, gated_output());
  EXPECT_EQ(agent.err().find("no link"), std::string::npos) << agent.err();
  EXPECT_EQ(lines_of(starts("on")), 1U);
}

// One cut, and every fate that spec J7 knows for an attempt behind it.
TEST_F(NetworkCutsTest, LongerThanTheTimeoutItsJobsGoToOthersAndItsReportsAreStale) {
  start_controller_there(kImpatient);
  Host& host = network().add_host();
  Host& other = network().add_host();
  start_agent_at(host, "a");
  const json::object anywhere = {{"maxLost", 3}};
  const std::string both_end = submit_gated("both", "", anywhere);
  const std::string one_stops = submit_gated("stops", "", anywhere);
  const std::string adopted = submit_gated("adopted", "a");
  const std::string cancelled = submit_gated("cancelled", "a");
  for (const char* name : {"both", "stops", "adopted", "cancelled"}) {
    wait_lines(starts(name), 1);
  }
  for (const std::string& id : {both_end, one_stops, adopted, cancelled}) {
    wait_state(id, "RUNNING");
  }
  start_agent_at(other, "b");

  network().cut(host);
  wait_agent_gone("a");
  wait_lines(starts("both"), 2);
  wait_lines(starts("stops"), 2);
  wait_state(adopted, "QUEUED");
  EXPECT_EQ(hearth({"cancel", cancelled}).code, 0);
  EXPECT_EQ(text(wait_ended(cancelled), "state"), "CANCELLED");
  // Two copies overlap, and both come to their end.
  go("both");
  wait_lines(ends("both"), 2);
  expect_completed(both_end, {"agent_lost"});
  const std::string before_return = json::serialize(job(both_end));

  network().mend(host);
  wait_agent("a", "BUSY");
  EXPECT_EQ(text(wait_state(adopted, "RUNNING"), "agentId"), "a");
  go("adopted");
  expect_completed(adopted);  // its loss was taken back
  EXPECT_EQ(lines_of(starts("adopted")), 1U);
  go("stops");
  expect_completed(one_stops, {"agent_lost"});
  wait_agent("a", "IDLE");
  EXPECT_EQ(lines_of(ends("stops")), 1U) << "the copy behind the cut was not stopped";
  EXPECT_EQ(json::serialize(job(both_end)), before_return);
  EXPECT_TRUE(output(both_end) == gated_output());
  EXPECT_EQ(text(job(cancelled), "state"), "CANCELLED");
  EXPECT_EQ(hearth({"run", "--", "echo", "fine"}).out, "fine\n");
}

// The peer is there no more, and nobody says so: only pings can tell. One after the other each
// would take as long as all together.
TEST_F(NetworkCutsTest, HalfOpenConnectionsAreFoundByBothEnds) {
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
TEST_F(NetworkCutsTest, AControllerThatVanishesAndComesBackIsFoundAgain) {
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
TEST_F(NetworkCutsTest, AnAgentThatVanishesAndStartsAgainHasItsJobsQueuedAtOnce) {
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
